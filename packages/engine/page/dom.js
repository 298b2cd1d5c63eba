/** Builds elements. Data only ever becomes text nodes and attribute values, never markup: names come from the network. */

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element. `attributes.class` and others are set as attributes; undefined and false leave one out. */
export function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false || value === null) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat()) {
    if (child !== undefined && child !== null && child !== false) element.append(child);
  }
  return element;
}

const drawn = new WeakMap();

/**
 * Replaces what is inside `element` when `input` differs from the last time, so that what is hovered, focused or
 * selected stays so while nothing changes.
 */
export function draw(element, input, render) {
  const key = JSON.stringify(input);
  if (drawn.get(element) === key) return;
  drawn.set(element, key);
  const focused = element.contains(document.activeElement) ? document.activeElement.id : '';
  const content = render();
  element.replaceChildren(...(Array.isArray(content) ? content : [content]));
  if (focused !== '') document.getElementById(focused)?.focus();
}

export const byId = (id) => document.getElementById(id);
