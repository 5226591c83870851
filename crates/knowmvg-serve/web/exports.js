// Files of a reviewed result, made here: what a person decided does not pass through the server.

import { bounds, decision } from "./review.js";

const REVIEW_VERSION = "1.0";
const UNNAMED = "unnamed";

/** The result as the model gave it, and beside it the review; schemas/review.schema.json describes it. */
export function reviewed(grounding, review, now = new Date()) {
  const boxes = review.all().map((each) => ({
    finding: each.index,
    box: each.original ? each.nth : null,
    decision: decision(each),
    edited_box: each.edited,
    time: decision(each) === "undecided" ? null : each.time,
  }));
  return { ...grounding, review: { review_version: REVIEW_VERSION, exported_at: now.toISOString(), boxes } };
}

/**
 * COCO as the server writes it, of the boxes that were not rejected, where they are now. A box that a person put there has
 * no `score`: the model said nothing about that place.
 */
export function coco(grounding, review) {
  const { image, findings, notice } = grounding;
  const category = (index) => findings[index].finding ?? UNNAMED;
  const kept = review.all().filter((each) => decision(each) !== "rejected");
  const names = [...new Set(kept.map(({ index }) => category(index)))].sort();
  const annotations = kept.map((each, at) => {
    const [x0, y0, x1, y1] = bounds(each);
    return {
      id: at + 1,
      image_id: 1,
      category_id: names.indexOf(category(each.index)) + 1,
      bbox: [x0, y0, x1 - x0, y1 - y0],
      area: (x1 - x0) * (y1 - y0),
      iscrowd: 0,
      segmentation: [],
      ...(each.edited ? {} : { score: each.original.confidence }),
      phrase: findings[each.index].phrase.text,
      decision: decision(each),
    };
  });
  return {
    info: { description: notice, version: "1.0" },
    licenses: [],
    images: [{ id: 1, file_name: image.sha256, width: image.width, height: image.height }],
    annotations,
    categories: names.map((name, at) => ({ id: at + 1, name })),
  };
}
