// The list of findings: what was asked, how sure the answer is, and why it is there.

// Okabe and Ito's colours, which people with any common colour vision tell apart.
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#3d9be0"];
const NEUTRAL = "#9aa6b1";

/** A colour for each finding: boxes of different findings differ while there are colours. */
export function tints(findings) {
  let next = 0;
  return findings.map((finding) => (finding.boxes.length ? COLOURS[next++ % COLOURS.length] : NEUTRAL));
}

/** `3`, or `3a` and `3b` for a finding with several boxes, as on the downloaded picture. */
export function boxName(index, nth, count) {
  return count === 1 ? `${index + 1}` : `${index + 1}${String.fromCharCode(97 + nth)}`;
}

export const percent = (share) => `${Math.round(share * 100)} %`;

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

const ASSERTIONS = { present: "the report affirms it", uncertain: "the report is not sure", absent: "the report denies it" };
const SUPPORTS = { image: "the image speaks for it", prior: "only the usual place speaks for it, not the image", none: "no box" };

function tags(finding) {
  const said = [finding.phrase.span ? ASSERTIONS[finding.assertion] : "you asked for it"];
  if (finding.side) said.push(finding.side === "left" || finding.side === "right" ? `patient's ${finding.side}` : finding.side);
  if (finding.boxes.length) said.push(SUPPORTS[finding.evidence.support]);
  else if (finding.assertion === "absent") said.push("not looked for");
  else said.push("no box");
  return said.join(" · ");
}

function measure(name, value) {
  const meter = make("meter", "");
  meter.min = 0;
  meter.max = 1;
  meter.value = value;
  meter.setAttribute("aria-label", name);
  return [make("span", "", name), meter, make("span", "", percent(value))];
}

function measures(finding, index) {
  const count = finding.boxes.length;
  const rows = finding.boxes.map((box, nth) => measure(count === 1 ? "box fits" : `box ${boxName(index, nth, count)} fits`, box.confidence));
  if (typeof finding.presence === "number") rows.push(measure("image shows it", finding.presence));
  return rows.length ? make("div", "measures", ...rows.flat()) : null;
}

function evidence(finding) {
  const { knowledge, prior_source, attention_in_box, knowledge_gate } = finding.evidence;
  const rows = knowledge.map((node) => [node.kind, `${node.name} (${node.how} of “${node.matched_text}”, ${percent(node.score)})`]);
  if (knowledge.length === 0) rows.push(["knowledge", "nothing matched these words"]);
  if (prior_source) rows.push(["expected from", prior_source]);
  if (typeof attention_in_box === "number") rows.push(["attention", `${percent(attention_in_box)} of it inside the first box`]);
  if (typeof knowledge_gate === "number") rows.push(["knowledge used", percent(knowledge_gate)]);
  if (finding.boxes.length) rows.push(["edges", `within about ${Math.round(Math.max(...finding.boxes[0].spread))} pixels`]);
  const list = make("dl", "", ...rows.flatMap(([term, text]) => [make("dt", "", term), make("dd", "", text)]));
  return make("details", "", make("summary", "", "Why there"), list);
}

function card(finding, index, tint, linked) {
  const badge = make("span", "badge", `${index + 1}`);
  const button = make("button", "", badge, make("span", "words", finding.phrase.text), make("span", "tags", tags(finding)));
  button.type = "button";
  const item = make("li", `finding ${finding.assertion}`, button);
  item.style.setProperty("--tint", tint);
  item.style.setProperty("--tint-ink", isLight(tint) ? "#000" : "#fff");
  const numbers = measures(finding, index);
  if (numbers) item.append(numbers);
  item.append(evidence(finding));
  linked(item, [index], button);
  return item;
}

/** Whether black is easier to read on a colour than white. */
export function isLight(hex) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue > 110;
}

/** Fills the list; `linked(node, indices, control)` makes an item follow the selection. */
export function showFindings(list, findings, colours, linked) {
  list.replaceChildren(...findings.map((finding, index) => card(finding, index, colours[index], linked)));
}
