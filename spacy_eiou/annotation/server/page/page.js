// Offsets count characters as Python does. In JavaScript, some are two units: hence Array.from.
const get = (id) => document.getElementById(id);
const [text, slider, labels] = [get("text"), get("threshold"), get("labels")];

// Where the first line is below the top of the text, the distance of two, and the height of a label,
// in pixels.
const [TOP, STEP, LABEL_HEIGHT] = [24, 18, 15];
// Longer runs of characters without white space may be broken: those of a word, and those of a script
// that has no spaces.
const [MAX_WORD, MAX_RUN] = [30, 8];
const NO_SPACES = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}]/u;
// Milliseconds after a key before the text is annotated.
const PAUSE = 150;

let threshold = null; // That of the model
let annotation = { text: "", spans: [] };
let request = null;
let timer = null;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(annotate, PAUSE);
}

async function annotate() {
  request?.abort();
  request = new AbortController();
  const { signal } = request;
  const value = text.value.toWellFormed?.() ?? text.value;
  if (!value.trim()) {
    show({ text: "", spans: [] });
    return;
  }
  get("status").textContent = "…";
  try {
    const response = await fetch("annotate", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(threshold === null ? { text: value } : { text: value, threshold }),
      signal,
    });
    const answer = await response.json();
    if (response.ok) show(answer);
    else fail(answer.detail ?? response.statusText);
  } catch (error) {
    if (error.name !== "AbortError") fail("The server doesn't answer. Is it running?");
  }
}

function fail(message) {
  show({ text: "", spans: [] });
  get("error").textContent = message;
  get("error").hidden = false;
}

function show(answer) {
  annotation = answer;
  get("error").hidden = true;
  for (const { label } of annotation.spans) find(label) ?? addLabel(label);
  draw();
}

// A pipeline may find labels that it doesn't tell.
function addLabel(label) {
  const color = `label color-${labels.children.length % 10}`;
  const box = make("input", { type: "checkbox", value: label, checked: true });
  labels.append(
    make("label", { className: color }, box, make("i"), make("span", { textContent: label }), make("small")),
  );
}

function find(label) {
  return [...labels.querySelectorAll("input")].find((box) => box.value === label);
}

function getColor(label) {
  return [...find(label).parentElement.classList].find((name) => name.startsWith("color-"));
}

function draw() {
  const counts = {};
  for (const { label } of annotation.spans) counts[label] = (counts[label] ?? 0) + 1;
  const boxes = [...labels.querySelectorAll("input")];
  // Of many labels, only those that are found, or switched off.
  const areMany = boxes.length > Number(labels.dataset.most);
  for (const box of boxes) {
    const count = counts[box.value] ?? 0;
    box.parentElement.hidden = areMany && box.checked && !count;
    box.parentElement.querySelector("small").textContent = count || "";
  }
  const shown = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  const spans = findParents(annotation.spans.filter(({ label }) => shown.has(label)));
  const hidden = annotation.spans.length - spans.length;
  get("status").textContent = annotation.text
    ? `${spans.length} ${spans.length === 1 ? "entity" : "entities"}${hidden ? `, ${hidden} hidden` : ""}`
    : "";
  get("spans").replaceChildren(...drawText(Array.from(annotation.text), spans));
  get("tree").replaceChildren(drawTree(spans, null));
  get("no-entities").hidden = spans.length > 0;
  get("json").textContent = annotation.text ? toJSON({ ...annotation, spans }) : "";
  get("copy").disabled = !annotation.text;
  get("copied").textContent = "";
}

// The smallest span around each, now that some are hidden.
function findParents(spans) {
  const getWidth = ({ start, end }) => end - start;
  return spans.map((span) => {
    const around = spans.filter(
      (other) => other.start <= span.start && span.end <= other.end && getWidth(other) > getWidth(span),
    );
    const width = Math.min(...around.map(getWidth));
    const parent = around.find((other) => getWidth(other) === width);
    return { ...span, parent: parent ? spans.indexOf(parent) : null };
  });
}

function toJSON({ spans, ...rest }) {
  const lines = spans.map((span) => `    ${JSON.stringify(span)}`);
  const text = JSON.stringify(rest.text);
  return `{\n  "text": ${text},\n  "spans": [${lines.length ? `\n${lines.join(",\n")}\n  ` : ""}]\n}`;
}

// A line for each span that no other span around it, or across its start, takes.
function findLayers(spans) {
  const layers = [];
  spans.forEach((span, index) => {
    const taken = new Set(layers.filter((_, other) => spans[other].end > span.start));
    let layer = 0;
    while (taken.has(layer)) layer += 1;
    layers[index] = layer;
  });
  return layers;
}

function drawText(characters, spans) {
  const order = [...spans.keys()].sort(
    (a, b) => spans[a].start - spans[b].start || spans[b].end - spans[a].end || a - b,
  );
  const sorted = order.map((index) => ({ ...spans[index], index }));
  const layers = findLayers(sorted);
  const bounds = new Set([0, characters.length, ...sorted.flatMap(({ start, end }) => [start, end])]);
  // Words and white space apart, so that lines break where they would without spans.
  let run = 0;
  characters.forEach((character, index) => {
    const isSpace = /\s/.test(character);
    const isLong = run >= (NO_SPACES.test(character) ? MAX_RUN : MAX_WORD);
    if (isSpace || isLong || /\s/.test(characters[index - 1] ?? " ")) bounds.add(index);
    run = bounds.has(index) ? 1 : run + 1;
  });
  const cuts = [...bounds].sort((a, b) => a - b);
  const labeled = new Set();
  return cuts.slice(0, -1).map((start, cut) => {
    const piece = characters.slice(start, cuts[cut + 1]).join("");
    const inside = sorted
      .map((span, index) => ({ ...span, layer: layers[index] }))
      .filter((span) => span.start <= start && start < span.end);
    // A line break stays between the pieces, and bears no line.
    return inside.length && !/[\n\r]/.test(piece) ? drawPiece(piece, inside, labeled) : piece;
  });
}

// A span is labeled at its first piece.
function drawPiece(piece, inside, labeled) {
  const token = make("span", { className: "token" }, piece);
  token.dataset.spans = inside.map(({ index }) => index).join(" ");
  const height = TOP + LABEL_HEIGHT + STEP * Math.max(...inside.map(({ layer }) => layer));
  token.style.height = `${height}px`;
  for (const span of inside) {
    const name = span.score === undefined ? span.label : `${span.label} ${span.score.toFixed(2)}`;
    const isFirst = !labeled.has(span.index);
    labeled.add(span.index);
    const parts = [make("i"), ...(isFirst ? [make("b", { textContent: span.label, title: name })] : [])];
    for (const part of parts) {
      part.classList.add(getColor(span.label));
      part.style.top = `${TOP + STEP * span.layer}px`;
    }
    // The label again, unseen, so that the text is as wide and no label covers the next.
    if (isFirst) parts.push(make("em", { textContent: span.label, ariaHidden: "true" }));
    token.append(...parts);
  }
  return token;
}

function drawTree(spans, parent) {
  const list = make("ul");
  spans.forEach((span, index) => {
    if (span.parent !== parent) return;
    const kind = make("span", { className: `kind ${getColor(span.label)}`, textContent: span.label });
    const row = make("div", {}, make("q", { textContent: span.text.replace(/\s/g, showSpace), dir: "auto" }), kind);
    if (span.score !== undefined) row.append(make("small", { textContent: span.score.toFixed(2) }));
    row.addEventListener("mouseenter", () => choose(index, getColor(span.label)));
    row.addEventListener("mouseleave", () => choose(null));
    const item = make("li", {}, row);
    if (spans.some((other) => other.parent === index)) item.append(drawTree(spans, index));
    list.append(item);
  });
  return list;
}

function showSpace(character) {
  return character === " " ? character : "␣";
}

// Show where a span of the tree is in the text.
function choose(index, color) {
  for (const token of document.querySelectorAll(".token")) {
    const isChosen = token.dataset.spans.split(" ").includes(String(index));
    token.className = isChosen ? `token chosen ${color}` : "token";
  }
}

function setThreshold(value) {
  threshold = value;
  if (value === null) slider.value = slider.dataset.default;
  get("threshold-value").textContent = Number(slider.value).toFixed(2);
  get("reset").disabled = value === null;
}

function switchAll(checked) {
  for (const box of labels.querySelectorAll("input")) box.checked = checked;
  draw();
}

async function copy() {
  let copied = false;
  if (navigator.clipboard) {
    copied = await navigator.clipboard.writeText(get("json").textContent).then(() => true, () => false);
  }
  // Browsers give pages without https no clipboard: then it is selected, to be copied by hand.
  if (!copied) getSelection().selectAllChildren(get("json"));
  get("copied").textContent = copied ? "Copied" : "Selected: copy it with Ctrl+C";
}

text.addEventListener("input", later);
labels.addEventListener("change", draw);
get("all-on").addEventListener("click", () => switchAll(true));
get("all-off").addEventListener("click", () => switchAll(false));
get("copy").addEventListener("click", copy);
if (slider) {
  slider.addEventListener("input", () => {
    setThreshold(Number(slider.value));
    later();
  });
  get("reset").addEventListener("click", () => {
    setThreshold(null);
    annotate();
  });
  setThreshold(null);
}
// A reloaded page may keep what was typed and switched off.
annotate();
