// What a person decided about the boxes. The model's own boxes are never changed: what is moved is a copy.

/** Two steps of the same kind within this time are one step to undo: a key that is held is one move. */
const ONE_MOVE = 1_000;

/** The words of each state, for the list, the labels and the file. */
export const DECISIONS = {
  undecided: "not decided",
  accepted: "accepted",
  rejected: "rejected",
  edited: "edited by a person",
  added: "added by a person",
};

/** `original` is a box of the model; a box that a person drew has none, and then `edited` is where it is. */
function mark(original, nth) {
  return { original, nth, edited: null, verdict: null, time: null };
}

export function decision({ original, edited, verdict }) {
  if (verdict === "rejected") return "rejected";
  if (!original) return "added";
  if (edited) return "edited";
  return verdict === "accepted" ? "accepted" : "undecided";
}

/** Where a box is now. */
export const bounds = ({ original, edited }) => edited ?? original.box;

/** `3`, or `3a` and `3b` for a finding with several boxes, as on the downloaded picture; `3+` is one of a person. */
export function markName(index, marks, nth) {
  const { original } = marks[nth];
  const own = marks.filter((each) => each.original);
  if (original) return own.length === 1 ? `${index + 1}` : `${index + 1}${String.fromCharCode(97 + nth)}`;
  const added = marks.length - own.length;
  return added === 1 ? `${index + 1}+` : `${index + 1}+${nth - own.length + 1}`;
}

/** Keeps a box inside of the image, its corners in order, and a pixel between them. */
export function inside([x0, y0, x1, y1], { width, height }) {
  const between = (value, low, high) => Math.min(Math.max(value, low), high);
  const axis = (a, b, length) => {
    const low = between(Math.min(a, b), 0, Math.max(0, length - 1));
    return [low, between(Math.max(a, b), low + 1, Math.max(length, low + 1))];
  };
  const [[left, right], [top, bottom]] = [axis(x0, x1, width), axis(y0, y1, height)];
  return [left, top, right, bottom].map((value) => Math.round(value * 100) / 100);
}

/** Moves a box as a whole as far as the image goes. */
export function moved([x0, y0, x1, y1], dx, dy, { width, height }) {
  const x = Math.min(Math.max(dx, -x0), width - x1);
  const y = Math.min(Math.max(dy, -y0), height - y1);
  return inside([x0 + x, y0 + y, x1 + x, y1 + y], { width, height });
}

const sameBox = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);

export class Review {
  constructor() {
    this.clear();
  }

  clear() {
    /** For each finding its boxes: those of the model, best first, then those that a person drew. */
    this.marks = [];
    this.findings = [];
    this.past = [];
    this.isSaved = true;
  }

  /** Follows a new list of findings. Decisions stay with the phrases and boxes that are still there; returns how many went. */
  follow(findings) {
    const old = this.findings;
    const [before, taken] = [this.marks, new Set()];
    let lost = this.decided().length;
    this.marks = findings.map((finding) => {
      const same = (other, at) =>
        !taken.has(at) &&
        other.phrase.text === finding.phrase.text &&
        `${other.phrase.span}` === `${finding.phrase.span}` &&
        other.boxes.length === finding.boxes.length &&
        other.boxes.every((box, i) => sameBox(box.box, finding.boxes[i].box));
      const at = before.length ? old.findIndex(same) : -1;
      if (at < 0) return finding.boxes.map(mark);
      taken.add(at);
      lost -= before[at].filter((each) => decision(each) !== "undecided").length;
      return before[at];
    });
    this.findings = [...findings];
    if (lost) this.past = [];
    else this.past = this.past.filter(({ marks }) => this.marks.includes(marks));
    return lost;
  }

  get(index, nth) {
    return this.marks[index]?.[nth];
  }

  all() {
    return this.marks.flatMap((marks, index) => marks.map((each, nth) => ({ ...each, index, nth, name: markName(index, marks, nth) })));
  }

  decided() {
    return this.all().filter((each) => decision(each) !== "undecided");
  }

  /** Says how many boxes are in each state. */
  counts() {
    const counts = Object.fromEntries(Object.keys(DECISIONS).map((state) => [state, 0]));
    for (const each of this.all()) counts[decision(each)]++;
    return counts;
  }

  /** `kind` joins steps that belong together. */
  change(index, nth, change, kind) {
    const marks = this.marks[index];
    const now = Date.now();
    const last = this.past.at(-1);
    const isOneMove = kind && last?.kind === kind && last.marks === marks && last.nth === nth && now - last.when < ONE_MOVE;
    if (isOneMove) last.when = now;
    else this.past.push({ marks, index, nth, before: [...marks], kind, when: now });
    marks[nth] = { ...marks[nth], ...change, time: new Date(now).toISOString() };
    this.isSaved = false;
  }

  /** A second time takes it back, unless a person has put the box there: then somebody stands for it. */
  accept(index, nth) {
    const { original, edited, verdict } = this.get(index, nth);
    const isPersons = edited || !original;
    if (isPersons && verdict !== "rejected") return;
    this.change(index, nth, { verdict: verdict === "accepted" ? null : "accepted" });
  }

  reject(index, nth) {
    const { verdict } = this.get(index, nth);
    this.change(index, nth, { verdict: verdict === "rejected" ? null : "rejected" });
  }

  /** `kind` is `keys` for a move by keyboard. */
  edit(index, nth, box, kind) {
    const each = this.get(index, nth);
    if (sameBox(bounds(each), box)) return false;
    const edited = each.original && sameBox(each.original.box, box) ? null : box;
    this.change(index, nth, { edited, verdict: null }, kind);
    return true;
  }

  /** Back to the box of the model. */
  restore(index, nth) {
    this.change(index, nth, { edited: null, verdict: null });
  }

  /** Adds a box that a person drew; returns its place. */
  add(index, box) {
    const marks = this.marks[index];
    const nth = marks.length;
    this.change(index, nth, { original: null, nth, edited: box, verdict: null });
    return nth;
  }

  /** Takes away a box that a person drew. */
  remove(index, nth) {
    const marks = this.marks[index];
    this.past.push({ marks, index, nth, before: [...marks], kind: null, when: Date.now() });
    marks.splice(nth, 1);
    this.isSaved = false;
  }

  get canUndo() {
    return this.past.length > 0;
  }

  /** Takes back the last step; returns the finding whose boxes changed. */
  undo() {
    const step = this.past.pop();
    if (!step) return null;
    step.marks.splice(0, step.marks.length, ...step.before);
    this.isSaved = false;
    const nth = Math.min(step.nth, step.marks.length - 1);
    return { index: this.marks.indexOf(step.marks), nth: nth < 0 ? null : nth };
  }
}
