// A colour and a shape for each outcome: one of the two is enough to tell them apart.

const DISC = "M-6,0a6,6 0 1,0 12,0a6,6 0 1,0 -12,0z";
const DIAMOND = "M0,-7L7,0L0,7L-7,0z";
const SQUARE = "M-5.5,-5.5h11v11h-11z";
const QUESTION = "M-1.9,-1.5a1.9,1.9 0 1,1 2.9,1.6q-1,0.6 -1,1.4M0,3.4v0.3";

// solid: the shape is filled and the sign in it is light; else both are drawn as lines.
const SYMBOLS = {
  "done": {colour: "done", shape: DISC, sign: "M-2.8,0.2L-0.8,2.2L2.9,-2.1", solid: true},
  "failed": {colour: "failed", shape: DIAMOND, sign: "M-2.2,-2.2L2.2,2.2M2.2,-2.2L-2.2,2.2", solid: true},
  "partial": {colour: "partial", shape: DISC, half: "M0,-6a6,6 0 0,1 0,12z"},
  "refused": {colour: "refused", shape: SQUARE, sign: "M-2.8,0h5.6"},
  "interrupted": {colour: "interrupted", shape: SQUARE, sign: "M-1.7,-2.4v4.8M1.7,-2.4v4.8", solid: true},
  "abandoned": {colour: "muted", shape: DISC, sign: "M-3.9,3.9L3.9,-3.9"},
  "running": {colour: "running", shape: "M-4.5,-6L6.5,0L-4.5,6z", solid: true},
  "unfinished": {colour: "partial", shape: DISC, sign: QUESTION},
  "recovered": {colour: "muted", shape: DISC, sign: QUESTION},
  "reverted": {colour: "partial", shape: DISC, sign: "M-2.6,1.6a3,3 0 1,0 -0.2,-2.6M-3.2,-3.2v2.4h2.4", solid: true},
  "unreachable": {colour: "failed", shape: DIAMOND, sign: "M-2.4,0h4.8"},
  "skipped": {colour: "muted", shape: DISC, sign: "M-2.4,0h4.8"},
  "not reached": {colour: "muted", shape: DISC, sign: "M-0.4,0h0.8"},
  "note": {colour: "note", shape: "M-4.5,-5.5h9v7l-4,4h-5z", sign: "M-1.8,-2h3.6M-1.8,0.8h2", solid: true},
  "event": {colour: "muted", shape: "M-2.5,0a2.5,2.5 0 1,0 5,0a2.5,2.5 0 1,0 -5,0z", solid: true},
};
const ODD = {colour: "partial", shape: DISC, sign: QUESTION};

// The worst first: what a pile of marks shows at its top, and the order of the chips.
const WORST = ["failed", "unreachable", "partial", "reverted", "interrupted", "unfinished", "abandoned",
  "recovered", "refused", "running", "done", "skipped", "not reached", "note", "event"];
const rank = (outcome) => (WORST.includes(outcome) ? WORST.indexOf(outcome) : 5);

const symbolOf = (outcome) => SYMBOLS[outcome] || ODD;
const paths = new Map();

function path(d) {
  if (!paths.has(d)) paths.set(d, new Path2D(d));
  return paths.get(d);
}

// The same sign as an element, for the list and the pages.
function icon(outcome) {
  const symbol = symbolOf(outcome), space = "http://www.w3.org/2000/svg";
  const draw = (tag, properties) => {
    const node = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(properties)) node.setAttribute(name, value);
    return node;
  };
  const svg = draw("svg", {viewBox: "-8 -8 16 16", class: `icon ${symbol.colour} ${symbol.solid ? "solid" : ""}`, "aria-hidden": "true"});
  svg.append(draw("path", {d: symbol.shape, class: "shape"}));
  if (symbol.half) svg.append(draw("path", {d: symbol.half, class: "half"}));
  if (symbol.sign) svg.append(draw("path", {d: symbol.sign, class: "sign"}));
  return svg;
}

// Draw the sign with its middle at (x, y).
function drawSymbol(pen, colours, outcome, x, y, size = 1) {
  const symbol = symbolOf(outcome), colour = colours[symbol.colour];
  pen.save();
  pen.translate(x, y);
  pen.scale(size, size);
  pen.lineWidth = 1.6;
  pen.lineCap = pen.lineJoin = "round";
  pen.fillStyle = symbol.solid ? colour : colours.paper;
  pen.fill(path(symbol.shape));
  pen.strokeStyle = colour;
  if (!symbol.solid) pen.stroke(path(symbol.shape));
  if (symbol.half) {
    pen.fillStyle = colour;
    pen.fill(path(symbol.half));
  }
  if (symbol.sign) {
    if (symbol.solid) pen.strokeStyle = colours.paper;
    pen.stroke(path(symbol.sign));
  }
  pen.restore();
}
