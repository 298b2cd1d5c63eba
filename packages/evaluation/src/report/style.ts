/** The page's style: both themes, narrow screens, paper. */
export const STYLE = `
  :root { color-scheme: light dark; --text: #1c2024; --soft: #5c6670; --line: #d8dde2; --back: #fff;
    --worse: #b3261e; --worse-back: #fdecea; --good: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    :root { --text: #e4e7ea; --soft: #9aa5af; --line: #363d44; --back: #14171a;
      --worse: #ff9a90; --worse-back: #3b1d1b; --good: #6fdd8b; }
  }
  * { box-sizing: border-box; }
  body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--back); color: var(--text);
    font: 16px/1.55 system-ui, sans-serif; }
  h1 { margin: 0 0 0.25rem; line-height: 1.2; }
  h2 { margin: 3rem 0 0.5rem; padding-top: 1rem; border-top: 1px solid var(--line); line-height: 1.25; }
  p { max-width: 46rem; }
  .soft, figcaption { color: var(--soft); font-size: 0.875rem; }
  figcaption { max-width: 52rem; margin-bottom: 0.5rem; }
  nav ol { padding-left: 1.25rem; columns: 2; }
  a { color: inherit; }
  figure { margin: 1.5rem 0; overflow-x: auto; }
  figure svg { max-width: 100%; min-width: 36rem; height: auto; display: block; }
  table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
  th, td { padding: 0.25rem 1.1rem 0.25rem 0; text-align: left; vertical-align: baseline; }
  th[scope=row] { font-weight: 500; }
  thead th { border-bottom: 1px solid var(--line); color: var(--soft); font-weight: 500; }
  tbody tr + tr > * { border-top: 1px solid color-mix(in srgb, var(--line) 50%, transparent); }
  tr.worse > * { background: var(--worse-back); }
  tr.worse td:last-child { color: var(--worse); font-weight: 600; }
  tr.good td:last-child { color: var(--good); }
  td { white-space: nowrap; }
  table.versus td:last-child { white-space: normal; min-width: 14rem; }
  tr.us > * { font-weight: 700; }
  @media (max-width: 40rem) { nav ol { columns: 1; } body { font-size: 15px; } }
  @media print {
    :root { color-scheme: light; --text: #000; --soft: #444; --line: #bbb; --back: #fff; --worse: #900;
      --worse-back: #f4e3e1; --good: #060; }
    body { max-width: none; padding: 0; font-size: 10pt; }
    h2 { break-after: avoid; }
    figure { break-inside: avoid; overflow: visible; }
    figure svg { min-width: 0; }
    table { font-size: 8.5pt; }
    th, td { padding-right: 0.7rem; }
    nav { display: none; }
  }
`;
