// The report with its phrases marked.

/** For each byte of the text in UTF-8 where it is in JavaScript's UTF-16: spans count bytes. */
export function utf16Offsets(text) {
  const offsets = [];
  let at = 0;
  for (const letter of text) {
    const point = letter.codePointAt(0);
    const bytes = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (let i = 0; i < bytes; i++) offsets.push(at);
    at += letter.length;
  }
  offsets.push(at);
  return offsets;
}

/** The text in pieces, each with the numbers of the findings that it belongs to; spans may overlap. */
export function pieces(text, findings) {
  const offsets = utf16Offsets(text);
  const spans = findings
    .map((finding, index) => ({ index, span: finding.phrase.span }))
    .filter(({ span }) => span)
    .map(({ index, span }) => ({ index, start: offsets[span[0]], end: offsets[span[1]] }));
  const cuts = new Set([0, text.length, ...spans.flatMap(({ start, end }) => [start, end])]);
  const sorted = [...cuts].sort((a, b) => a - b);
  return sorted.slice(1).map((end, i) => {
    const start = sorted[i];
    const inside = spans.filter((span) => span.start <= start && end <= span.end);
    return { text: text.slice(start, end), findings: inside.map(({ index }) => index) };
  });
}

/** Fills `element`; `linked(node, indices)` makes a marked piece follow the selection. */
export function showReport(element, text, findings, tints, linked) {
  element.replaceChildren(
    ...pieces(text, findings).map((piece) => {
      if (piece.findings.length === 0) return document.createTextNode(piece.text);
      const first = piece.findings[0];
      const node = document.createElement("span");
      node.className = `phrase ${findings[first].assertion}`;
      node.style.setProperty("--tint", tints[first]);
      node.tabIndex = 0;
      node.setAttribute("role", "button");
      const numbers = piece.findings.map((index) => index + 1).join(", ");
      node.setAttribute("aria-label", `${piece.text}, finding ${numbers}, ${findings[first].assertion}`);
      node.textContent = piece.text;
      linked(node, piece.findings);
      return node;
    }),
  );
}
