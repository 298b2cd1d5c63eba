import { type Import, packageOf } from './imports.js';
import type { Manifest } from './packages.js';
import type { SourceFile } from './source-files.js';

export interface PackageCode {
  readonly folder: string;
  readonly files: readonly SourceFile[];
  readonly imports: readonly Import[];
}

/** What a package.json declares and nothing uses, with where it was looked for. */
export function unusedDependencies(manifest: Manifest, { folder, files, imports }: PackageCode): string[] {
  const importedBy = (prefix: string) =>
    new Set(
      imports.filter(({ file }) => file.startsWith(prefix)).map(({ specifier }) => packageOf(specifier)),
    );
  const [anywhere, inSource] = [importedBy(`packages/${folder}/`), importedBy(`packages/${folder}/src/`)];
  // Loaded when the program has seen that it is there, so that the name may stand in a variable.
  const isNamed = (name: string) => files.some(({ text }) => text.includes(`'${name}'`));
  const unused = (names: object | undefined, isUsed: (name: string) => boolean, where: string) =>
    Object.keys(names ?? {}).flatMap((name) => (isUsed(name) ? [] : [`${name} is not used in ${where}`]));
  return [
    ...unused(manifest.dependencies, (name) => inSource.has(name), 'src'),
    ...unused(manifest.optionalDependencies, isNamed, 'src'),
    ...unused(manifest.devDependencies, (name) => anywhere.has(name.replace(/^@types\//, '')), 'src or test'),
  ];
}

/** Folders that a tsconfig.json refers to although nothing of theirs is imported. */
export function unusedReferences(references: readonly string[], imports: readonly Import[]): string[] {
  const used = new Set(imports.map(({ specifier }) => packageOf(specifier)));
  return references.filter((name) => !used.has(`@sage/${name}`));
}
