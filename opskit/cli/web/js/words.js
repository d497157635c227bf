// Elements and words: everything that the changelog says reaches the page as text, here, and never as HTML.

const $ = (id) => document.getElementById(id);

// Characters that would be obeyed or hidden, not shown: control characters, text direction, tags.
const DANGEROUS = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\u{e0000}-\u{e007f}]/gu;

function visible(text) {
  return String(text).replaceAll("\r\n", "\n").replace(DANGEROUS, (character) => {
    const code = character.codePointAt(0).toString(16);
    return code.length < 3 ? `\\x${code.padStart(2, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}

const oneLine = (text) => visible(text).replaceAll("\n", " ").replaceAll("\t", " ");

// make("p", {class: "why", onclick: f}, "text", child): strings become text, whatever is in them.
function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(9).filter((child) => child != null && child !== false && child !== "")
    .map((child) => (child instanceof Node ? child : visible(child))));
  return node;
}

// What people wrote runs in its own direction, and cannot turn the text around it.
const said = (text, properties = {}) => make("bdi", {dir: "auto", ...properties}, text);

const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

const entriesIn = (count) => (count === 1 ? "1 entry" : `${count.toLocaleString("en")} entries`);

// A word of a command line as a shell takes it.
const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);

// Names with numbers in the order that people expect: web2 before web10.
const byName = new Intl.Collator("en", {numeric: true}).compare;
