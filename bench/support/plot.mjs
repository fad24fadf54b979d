// Bar charts as SVG for light and dark pages: a media query sets the colours. Chart libraries write fixed colours into the image.
const WIDTH = 860;
const LABEL_WIDTH = 300;
const VALUE_WIDTH = 90;
const BAR = { height: 18, gap: 6 };
const TITLE_HEIGHT = 34;
const MARGIN = 20;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .value { font-variant-numeric: tabular-nums; }
  .bar { fill: #8c959f; }
  .ours { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .bar { fill: #6e7681; }
    .ours { fill: #58a6ff; }
  }`;

/** One panel per chart, stacked. Each panel has its own scale. */
export function plot(charts) {
  let top = MARGIN;
  const panels = charts.map((chart) => {
    const panel = drawPanel(chart, top);
    top += heightOf(chart) + MARGIN;
    return panel;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img">`,
    `<style>${STYLE}\n</style>`,
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

function heightOf({ bars }) {
  return TITLE_HEIGHT + bars.length * (BAR.height + BAR.gap);
}

function drawPanel({ title, bars }, top) {
  const longest = Math.max(...bars.map(({ value }) => value));
  const room = WIDTH - 2 * MARGIN - LABEL_WIDTH - VALUE_WIDTH;
  const left = MARGIN + LABEL_WIDTH;
  const lines = bars.map(({ label, value, isOurs }, index) => {
    const y = top + TITLE_HEIGHT + index * (BAR.height + BAR.gap);
    const width = Math.max(1, (value / longest) * room);
    const baseline = y + BAR.height - 5;
    return [
      `<text x="${left - 10}" y="${baseline}" text-anchor="end">${escape(label)}</text>`,
      `<rect class="${isOurs ? 'ours' : 'bar'}" x="${left}" y="${y}" width="${width.toFixed(1)}" height="${BAR.height}" rx="2"/>`,
      `<text class="value" x="${(left + width + 8).toFixed(1)}" y="${baseline}">${Math.round(value).toLocaleString('en')}</text>`,
    ].join('\n');
  });
  return [`<text class="title" x="${MARGIN}" y="${top + 18}">${escape(title)}</text>`, ...lines].join('\n');
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
