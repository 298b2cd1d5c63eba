import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { PlotSpec } from './section.js';

/** Told apart on white as on black, and by those who see red and green alike (Okabe and Ito 2008, darkened yellow). */
const COLOURS = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#a6761d',
  '#7570b3',
  '#b2446f',
  '#66a61e',
  '#808080',
  '#1b7f8c',
];

/** Text and lines take the colour of the page's text, so that a plot is read in either theme. */
const CONFIG = {
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: {
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    domainColor: 'currentColor',
    tickColor: 'currentColor',
    gridColor: 'currentColor',
    gridOpacity: 0.13,
    titleFontWeight: 'normal',
  },
  legend: {
    symbolBaseStrokeColor: 'currentColor',
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    titleFontWeight: 'normal',
  },
  header: { labelColor: 'currentColor', titleColor: 'currentColor', labelFontWeight: 'bold' },
  range: { category: COLOURS },
};

/** The plot as the text of an SVG. */
export async function plotSvg(spec: PlotSpec): Promise<string> {
  const whole = { background: null, config: CONFIG, ...spec } as unknown as TopLevelSpec;
  const view = new View(parse(compile(whole).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
