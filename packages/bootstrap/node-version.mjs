/** The least Node.js that the dependencies run on; the same as `engines` in package.json. */
export const REQUIRED_NODE = '20.19.0';

/** What is wrong with this version of Node.js, or undefined. `version` is like `v20.19.2` or `20.19.2`. */
export function nodeVersionProblem(version, required = REQUIRED_NODE) {
  const have = numbersOf(version);
  const need = numbersOf(required);
  for (let i = 0; i < need.length; i++) {
    if (have[i] > need[i]) return undefined;
    if (have[i] < need[i]) {
      return `Sage needs Node.js ${required} or newer and this is ${version}. Get a newer one from https://nodejs.org or with your version manager, then run the same command again.`;
    }
  }
  return undefined;
}

function numbersOf(version) {
  return version
    .replace(/^v/, '')
    .split(/[.-]/)
    .slice(0, 3)
    .map((part) => Number.parseInt(part, 10) || 0);
}
