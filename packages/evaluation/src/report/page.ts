import type { Versions } from '../experiments/step.js';
import { COMPARISON_COLUMNS, comparisonCells } from './comparison-words.js';
import { escaped, html, htmlTable } from './html.js';
import { type Block, type Comparison, isAsGood, isWorse, type Section } from './section.js';
import { STYLE } from './style.js';

export interface Page {
  readonly sections: readonly Section[];
  /** SVG of each plot by its name. */
  readonly plots: ReadonlyMap<string, string>;
  readonly failed: readonly { readonly id: string; readonly message: string }[];
  /** How it was made, for people. */
  readonly made: readonly string[];
  readonly versions: Versions;
}

/** One page with everything in it: it opens without a network. */
export function page({ sections, plots, failed, made, versions }: Page): string {
  const comparisons = sections.flatMap((section) => section.comparisons);
  const links = sections.map(({ id, title }) => `<li><a href="#${id}">${html(title)}</a></li>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sage, measured</title>
<style>${STYLE}</style>
<h1>Sage, measured</h1>
<p class="soft">${made.map(html).join('<br>')}</p>
<nav><ol>
${links.join('\n')}
</ol></nav>
<h2 id="summary">Beside the paper</h2>
<p>${html(summaryOf(comparisons))}</p>
${worseFirst(comparisons)}
${sections.map((section) => sectionHtml(section, plots)).join('\n')}
${failedHtml(failed)}
<h2 id="versions">Made with</h2>
<p class="soft">${Object.entries(versions)
    .map(([name, value]) => `${escaped(name)} ${escaped(String(value))}`)
    .join('<br>')}</p>
</html>
`;
}

function summaryOf(comparisons: readonly Comparison[]): string {
  const worse = comparisons.filter(isWorse);
  const good = comparisons.filter((item) => !isWorse(item) && isAsGood(item));
  const rest = comparisons.length - worse.length - good.length;
  return [
    `Of ${comparisons.length} figures that the paper gives, Sage is as good or better here in ${good.length}, worse in ${worse.length}`,
    rest > 0 ? `, and behind the paper, but by no more than chance may do, in ${rest}.` : '.',
    worse.length > 0 ? ' Those that are worse come first.' : '',
    ' The paper’s were measured on its clusters, these on a simulated world: the same kinds of faults in the same call graphs, not the same machines; what tracing costs on a real application, but a small one.',
  ].join('');
}

function worseFirst(comparisons: readonly Comparison[]): string {
  const rank = (item: Comparison) => (isWorse(item) ? 0 : isAsGood(item) ? 2 : 1);
  const sorted = [...comparisons].sort((a, b) => rank(a) - rank(b));
  return htmlTable(
    'In brackets the 95 % interval of resampled cases. Worse: the paper’s figure lies outside it.',
    COMPARISON_COLUMNS,
    sorted.map((item) => ({
      cells: comparisonCells(item),
      className: ['worse', undefined, 'good'][rank(item)],
    })),
    'versus',
  );
}

function sectionHtml({ id, title, meaning, blocks }: Section, plots: Page['plots']): string {
  return `<h2 id="${id}">${html(title)}</h2>
<p>${html(meaning)}</p>
${blocks.map((block) => blockHtml(block, plots)).join('\n')}`;
}

function blockHtml(block: Block, plots: Page['plots']): string {
  if (block.kind === 'text') return `<p>${html(block.text)}</p>`;
  if (block.kind === 'plot') {
    return `<figure><figcaption>${html(block.caption)}</figcaption>\n${plots.get(block.name) ?? ''}</figure>`;
  }
  return htmlTable(
    block.caption,
    block.columns,
    block.rows.map((cells) => ({ cells, className: cells[0] === 'sage' ? 'us' : undefined })),
  );
}

function failedHtml(failed: Page['failed']): string {
  if (failed.length === 0) return '';
  const items = failed.map(({ id, message }) => `<li><b>${escaped(id)}</b>: ${escaped(message)}</li>`);
  return `<h2 id="failed">Could not be measured</h2>\n<ul>${items.join('\n')}</ul>`;
}
