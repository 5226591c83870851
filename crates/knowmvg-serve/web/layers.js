// What guided the decoder for the selected finding, as a picture between the radiograph and its boxes.

/** What each layer is, said as it is: none of them is evidence. */
const WORDS = {
  global: "Where the decoder looked on the whole image for",
  local: "Where the decoder looked inside the window around its first guess for",
  prior: "Where the knowledge expects, before the image is seen,",
};
const CAUTION = {
  global: "Attention is where it looked, not evidence that something is there.",
  local: "Attention is where it looked, not evidence that something is there.",
  prior: "It would be the same on any other patient with such lungs.",
};

export class Layers {
  /** `picture` is the image element, `load(kind, index, signal)` gives a layer as a blob. */
  constructor({ picture, legend, bar, text, caution, load }) {
    Object.assign(this, { picture, legend, bar, text, caution, load });
    this.kept = new Map();
    this.asked = null;
  }

  /** Another image, or other words: nothing that is kept belongs to them. */
  clear() {
    this.kept.forEach((url) => URL.revokeObjectURL(url));
    this.kept.clear();
    this.hide();
    this.legend.hidden = true;
  }

  hide() {
    this.asked?.abort();
    this.asked = null;
    this.picture.hidden = true;
    this.picture.removeAttribute("src");
  }

  setOpacity(share) {
    this.picture.style.opacity = share;
  }

  tell(text, caution, hasBar) {
    this.text.textContent = text;
    this.caution.textContent = caution;
    this.bar.hidden = !hasBar;
    this.legend.hidden = false;
  }

  /** Shows a layer of a finding; with `none` or without a finding, nothing. */
  async show(kind, index, finding) {
    this.hide();
    this.legend.hidden = kind === "none";
    if (kind === "none") return;
    if (!finding) return this.tell("Select a finding to see its layer.", "", false);
    const key = `${kind}.${index}`;
    if (!this.kept.has(key)) {
      this.tell("Drawing …", "", false);
      const asked = new AbortController();
      this.asked = asked;
      try {
        const blob = await this.load(kind, index, asked.signal);
        if (asked.signal.aborted) return;
        this.kept.set(key, URL.createObjectURL(blob));
      } catch (error) {
        if (asked.signal.aborted) return;
        const isNone = error.status === 422;
        return this.tell(isNone ? `Finding ${index + 1} has no such layer: nothing was looked for.` : `The layer cannot be had: ${error.message}.`, "", false);
      }
    }
    this.picture.src = this.kept.get(key);
    this.picture.hidden = false;
    this.tell(`${WORDS[kind]} “${finding.phrase.text}” (finding ${index + 1}).`, CAUTION[kind], true);
  }
}
