/** Text as HTML; of Markdown only *emphasis*. */
export function html(text: string): string {
  return escaped(text).replace(/\*([^*]+)\*/g, '<em>$1</em>');
}

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** A table whose first column names its rows. */
export function htmlTable(
  caption: string,
  columns: readonly string[],
  rows: readonly { readonly cells: readonly string[]; readonly className?: string | undefined }[],
  className = '',
): string {
  const head = columns.map((name) => `<th scope="col">${html(name)}</th>`).join('');
  const body = rows.map(({ cells, className: ofRow }) => {
    const [first = '', ...rest] = cells.map(html);
    const attribute = ofRow === undefined ? '' : ` class="${ofRow}"`;
    return `<tr${attribute}><th scope="row">${first}</th>${rest.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  return `<figure class="table"><figcaption>${html(caption)}</figcaption>
<table class="${className}"><thead><tr>${head}</tr></thead><tbody>
${body.join('\n')}
</tbody></table></figure>`;
}
