import { join } from 'node:path/posix';
import { expect } from 'chai';
import { findCycle, type Import, importsOf, packageOf } from './support/imports.js';
import { type Manifest, packageFolders, readManifest, readReferences } from './support/packages.js';
import { type SourceFile, sourceFiles } from './support/source-files.js';
import { unusedDependencies, unusedReferences } from './support/unused.js';

/** Imports go strictly down. The bootstrap stands outside: it runs before anything is installed. */
const LAYERS: Readonly<Record<string, number>> = {
  core: 0,
  'causal-graph': 1,
  'telemetry-source': 1,
  gvae: 2,
  'root-cause': 2,
  actuation: 2,
  simulator: 2,
  'collector-extension': 3,
  'node-agent': 3,
  orchestrator: 3,
  instrumentation: 3,
  evaluation: 4,
  engine: 4,
  demo: 5,
  cli: 6,
};
const OUTSIDE_THE_LAYERS = ['bootstrap'];

const PREFIX = '@sage/';

/** Why `from` may not import `to`, or undefined where it may. */
function layerProblem(from: string, to: string): string | undefined {
  const [upper, lower] = [LAYERS[from], LAYERS[to]];
  if (upper === undefined || lower === undefined) return `${from} or ${to} is in no layer`;
  return lower < upper ? undefined : `${from} (layer ${upper}) may not use ${to} (layer ${lower})`;
}

/** Whether a package offers this path beside its index, by the `exports` of its package.json. */
function isEntry(folder: string, path: string): boolean {
  return Object.hasOwn(readManifest(`packages/${folder}`).exports ?? {}, path);
}

function importProblem(item: Import, folder: string, manifest: Manifest): string | undefined {
  const { specifier, file } = item;
  const inSource = file.startsWith(`packages/${folder}/src/`);
  const dependency = packageOf(specifier);
  if (dependency === undefined) {
    if (!specifier.startsWith('.')) return undefined;
    const target = join(file, '..', specifier);
    return target.startsWith(`packages/${folder}/`) ? undefined : 'leaves its package by a relative path';
  }
  if (dependency.startsWith(PREFIX)) {
    const target = dependency.slice(PREFIX.length);
    if (dependency !== specifier && !isEntry(target, `.${specifier.slice(dependency.length)}`)) {
      return 'reaches into a package instead of using its index';
    }
    // A package's own tests may name it as others do.
    const problem = target === folder && !inSource ? undefined : layerProblem(folder, target);
    if (problem !== undefined) return problem;
  }
  const declared = { ...manifest.dependencies, ...manifest.optionalDependencies };
  if (item.typeOnly || !inSource) Object.assign(declared, manifest.devDependencies);
  if (!inSource) Object.assign(declared, readManifest('.').devDependencies, { [manifest.name]: '' });
  return Object.hasOwn(declared, dependency)
    ? undefined
    : `uses ${dependency}, which its package.json does not declare`;
}

describe('the layers', () => {
  const folders = packageFolders();
  const layered = folders.filter((folder) => !OUTSIDE_THE_LAYERS.includes(folder));

  it('name every package', () => {
    expect(layered).to.deep.equal(Object.keys(LAYERS).sort());
  });

  for (const folder of layered) {
    describe(folder, () => {
      let files: SourceFile[];
      let imports: Import[];
      before(async () => {
        files = await sourceFiles(`packages/${folder}`);
        imports = files.flatMap(importsOf);
      });

      it('declares dependencies downwards only', () => {
        const { dependencies, devDependencies, optionalDependencies } = readManifest(`packages/${folder}`);
        const names = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies });
        const problems = names
          .filter((name) => name.startsWith(PREFIX))
          .map((name) => layerProblem(folder, name.slice(PREFIX.length)));
        expect(problems.filter((problem) => problem !== undefined)).to.deep.equal([]);
      });

      it('imports what it declares, downwards, through an index', () => {
        const manifest = readManifest(`packages/${folder}`);
        const problems = imports.flatMap((item) => {
          const problem = importProblem(item, folder, manifest);
          return problem === undefined ? [] : [`${item.file} imports '${item.specifier}': ${problem}`];
        });
        expect(problems).to.deep.equal([]);
      });

      it('uses what it declares and refers to', () => {
        const manifest = readManifest(`packages/${folder}`);
        expect(unusedDependencies(manifest, { folder, files, imports })).to.deep.equal([]);
        expect(unusedReferences(readReferences(`packages/${folder}`), imports)).to.deep.equal([]);
      });

      it('has no cycle of files', () => {
        const known = new Set(files.map(({ path }) => path));
        const edges = new Map<string, string[]>(files.map(({ path }) => [path, []]));
        for (const { file, specifier, typeOnly } of imports) {
          if (typeOnly || !specifier.startsWith('.')) continue;
          const target = join(file, '..', specifier);
          const source = [target, target.replace(/\.js$/, '.ts')].find((path) => known.has(path));
          if (source !== undefined) edges.get(file)?.push(source);
        }
        expect(findCycle(edges)?.join(' → ')).to.equal(undefined);
      });

      it('names by hand what its index exports', () => {
        const index = files.find(({ path }) => path === `packages/${folder}/src/index.ts`);
        if (index === undefined) {
          expect(readManifest(`packages/${folder}`).bin, 'without an index it is a program').to.not.equal(
            undefined,
          );
          return;
        }
        expect(index.text).to.not.match(/^export \*/m);
      });
    });
  }

  it('have TensorFlow.js in the model alone, and in the network that the model is compared with', async () => {
    const files = (await Promise.all(layered.map((folder) => sourceFiles(`packages/${folder}/src`)))).flat();
    const users = files
      .filter((file) => importsOf(file).some(({ specifier }) => specifier.startsWith('@tensorflow/')))
      .map(({ path }) => path)
      .filter((path) => !path.startsWith('packages/gvae/'));
    expect(users).to.deep.equal(['packages/evaluation/src/methods/seer/network.ts']);
  });

  it('leave the bootstrap with nothing but Node.js', async () => {
    const imports = (await sourceFiles('packages/bootstrap')).flatMap(importsOf);
    expect(imports.length).to.be.greaterThan(5);
    expect(imports.filter(({ specifier }) => !/^(node:|\.\/)/.test(specifier))).to.deep.equal([]);
  });

  describe('are checked by rules that', () => {
    const manifest: Manifest = {
      name: '@sage/gvae',
      dependencies: { '@sage/core': '0.1.0', '@sage/engine': '0.1.0' },
    };
    const problemOf = (code: string) => {
      const [item] = importsOf({ path: 'packages/gvae/src/a.ts', text: code });
      return item === undefined ? 'no import was found' : importProblem(item, 'gvae', manifest);
    };
    const cases: [string, string, string | undefined][] = [
      ['accept a declared package below', "import { x } from '@sage/core';", undefined],
      ['accept a neighbour file', "import { x } from './b.js';", undefined],
      ['accept Node itself', "import { x } from 'node:fs';", undefined],
      [
        'refuse a package above',
        "import { x } from '@sage/engine';",
        'gvae (layer 2) may not use engine (layer 4)',
      ],
      [
        'refuse a package beside',
        "import type { x } from '@sage/actuation';",
        'gvae (layer 2) may not use actuation',
      ],
      [
        'see imports of several lines',
        "import {\n  x,\n  type Y,\n} from '@sage/engine';",
        'may not use engine',
      ],
      ['see re-exports', "export { x } from '@sage/engine';", 'may not use engine'],
      ['see dynamic imports', "const x = await import('@sage/engine');", 'may not use engine'],
      ['see imports for effect', "import '@sage/engine';", 'may not use engine'],
      ['refuse a deep import', "import { x } from '@sage/core/dist/src/clock.js';", 'reaches into a package'],
      [
        'see through an entry beside the index',
        "const path = import.meta.resolve('@sage/node-agent/main');",
        'gvae (layer 2) may not use node-agent',
      ],
      ['refuse a way around', "import { x } from '../../core/src/clock.js';", 'leaves its package'],
      ['refuse the undeclared', "import x from 'lodash';", 'uses lodash, which'],
    ];
    for (const [name, code, problem] of cases) {
      it(name, () => {
        if (problem === undefined) expect(problemOf(code)).to.equal(undefined);
        else expect(problemOf(code)).to.contain(problem);
      });
    }
    it('find what is declared and not used', () => {
      const files = [
        { path: 'packages/gvae/src/a.ts', text: "import 'used';\nconst name = 'native';" },
        { path: 'packages/gvae/test/a.test.ts', text: "import 'tested';\nimport 'used-in-tests';" },
      ];
      const code = { folder: 'gvae', files, imports: files.flatMap(importsOf) };
      const declared: Manifest = {
        name: '@sage/gvae',
        dependencies: { used: '1', 'used-in-tests': '1', forgotten: '1' },
        optionalDependencies: { native: '1', 'never-loaded': '1' },
        devDependencies: { tested: '1', '@types/used': '1', idle: '1' },
      };
      expect(unusedDependencies(declared, code)).to.deep.equal([
        'used-in-tests is not used in src',
        'forgotten is not used in src',
        'never-loaded is not used in src',
        'idle is not used in src or test',
      ]);
      const [item] = importsOf({ path: 'packages/gvae/src/a.ts', text: "import '@sage/core';" });
      expect(unusedReferences(['core', 'engine'], item === undefined ? [] : [item])).to.deep.equal([
        'engine',
      ]);
    });
    it('find a cycle', () => {
      const edges = new Map(Object.entries({ a: ['b'], b: ['c'], c: ['d', 'b'], d: [] }));
      expect(findCycle(edges)).to.deep.equal(['b', 'c', 'b']);
      expect(findCycle(new Map(Object.entries({ a: ['b', 'c'], b: ['c'], c: [] })))).to.equal(undefined);
    });
  });
});
