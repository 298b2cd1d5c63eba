/**
 * Places services in columns by call depth. Pure: numbers in, numbers out.
 * `graph` is {services: [{name}], edges: [{from, to}]}; answers {columns, place: Map(name → {column, row}), rows}.
 */
export function layoutGraph(graph) {
  const names = new Set(graph.services.map((service) => service.name));
  const edges = graph.edges.filter(({ from, to }) => names.has(from) && names.has(to) && from !== to);
  const depth = callDepths([...names], edges);
  const columns = [];
  for (const name of names) {
    const column = depth.get(name);
    columns[column] ??= [];
    columns[column].push(name);
  }
  for (let i = 0; i < columns.length; i++) columns[i] ??= [];
  orderRows(columns, edges);
  const rows = Math.max(1, ...columns.map((column) => column.length));
  const place = new Map();
  columns.forEach((column, c) => {
    const top = (rows - column.length) / 2;
    column.forEach((name, r) => {
      place.set(name, { column: c, row: top + r });
    });
  });
  return { columns: columns.length, rows, place, edges };
}

/** Longest way from a service nobody calls; an edge that would close a cycle does not count. */
function callDepths(names, edges) {
  const callers = new Map(names.map((name) => [name, []]));
  for (const { from, to } of edges) callers.get(to).push(from);
  const depth = new Map();
  const visiting = new Set();
  const visit = (name) => {
    if (depth.has(name)) return depth.get(name);
    if (visiting.has(name)) return -1;
    visiting.add(name);
    const value = Math.max(-1, ...callers.get(name).map(visit)) + 1;
    visiting.delete(name);
    depth.set(name, value);
    return value;
  };
  for (const name of names) visit(name);
  return depth;
}

/** Fewer crossings by the barycentre heuristic (Sugiyama, Tagawa and Toda 1981): a few sweeps both ways. */
function orderRows(columns, edges) {
  for (const column of columns) column.sort();
  for (let sweep = 0; sweep < 6; sweep++) {
    const forward = sweep % 2 === 0;
    const order = columns.map((_, i) => (forward ? i : columns.length - 1 - i));
    for (const c of order) {
      const position = new Map();
      for (const column of columns) {
        column.forEach((name, row) => {
          position.set(name, (row + 0.5) / column.length);
        });
      }
      const centre = (name) => {
        const neighbours = edges
          .filter((edge) => (forward ? edge.to : edge.from) === name)
          .map((edge) => position.get(forward ? edge.from : edge.to));
        return neighbours.length === 0
          ? position.get(name)
          : neighbours.reduce((sum, value) => sum + value, 0) / neighbours.length;
      };
      const centres = new Map(columns[c].map((name) => [name, centre(name)]));
      columns[c].sort((a, b) => centres.get(a) - centres.get(b) || (a < b ? -1 : 1));
    }
  }
}
