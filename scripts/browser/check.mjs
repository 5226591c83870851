// Uses the page of `knowmvg serve` in Chromium as a person does, and asks axe-core whether everybody can.
//
//   npm install --no-save && node check.mjs http://127.0.0.1:8017 [folder for screenshots]
//
// Needs Node 20 and Chromium (CHROMIUM names it; by default /usr/bin/chromium). Not part of scripts/test.sh.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const [address, folder] = process.argv.slice(2);
if (!address) throw new Error("expected the address of a running server");
if (folder) mkdirSync(folder, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** The sample takes a second on two free cores; nobody promises that they are free. */
const PATIENCE = 120_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"],
});

/** A page that fails on any error in its console and on any request to another server. */
async function open(width, height, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, hasTouch: width < 800, acceptDownloads: true, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !url.startsWith("blob:") && !url.startsWith("data:")) problems.push(`asked ${url}`);
  });
  await page.goto(address);
  return { page, problems };
}

/** WCAG 2.2, levels A and AA. The script is evaluated, which the page's own policy does not concern. */
async function accessible(page, when) {
  await page.evaluate(axe);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values } }), tags);
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
  assert.deepEqual(told, [], `${when}: axe-core finds violations`);
}

async function picture(page, name, options) {
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, ...options });
}

const status = (page, text) => page.locator("#status", { hasText: text }).waitFor();

async function trySample(page) {
  await page.getByRole("button", { name: "Try the sample" }).click();
  await status(page, /findings/);
}

/** Boxes and words light up together, from whichever side. */
async function checkLinks(page) {
  const active = (selector) => page.locator(`${selector}.active`).count();
  const isLit = async (from) => {
    for (const selector of [".phrase", ".finding", ".box"]) assert.ok((await active(selector)) >= 1, `${from} lights ${selector}`);
  };
  await page.locator(".phrase").first().focus();
  await isLit("a phrase");
  await page.locator(".box").first().focus();
  await isLit("a box");
  await page.locator(".finding > button").first().focus();
  await isLit("an item of the list");
  await page.locator(".finding > button").first().press("Enter");
  assert.equal(await page.locator(".finding > button[aria-pressed=true]").count(), 1);
  await page.locator("#stage").focus();
  await page.keyboard.press("n");
  await isLit("the key n");
  await page.mouse.move(0, 0);
}

async function checkTools(page) {
  const transform = () => page.locator("#film").evaluate((film) => film.style.transform);
  const middle = () => page.locator("#canvas").evaluate((canvas) => {
    const { width, height } = canvas;
    return canvas.getContext("2d").getImageData(width >> 1, height >> 1, 1, 1).data[0];
  });
  await page.locator("#stage").focus();
  const [fitted, grey] = [await transform(), await middle()];
  await page.keyboard.press("+");
  assert.notEqual(await transform(), fitted);
  await page.keyboard.press("0");
  assert.equal(await transform(), fitted);
  await page.keyboard.press("i");
  while ((await middle()) !== 255 - grey) await page.waitForTimeout(50);
  await page.keyboard.press("i");
  const shown = (layer) => page.locator(`#boxes ${layer}`).first().isVisible();
  await page.getByRole("button", { name: "Boxes", exact: true }).click();
  assert.equal(await shown(".box"), false);
  await page.getByRole("button", { name: "Boxes", exact: true }).click();
  await page.getByRole("button", { name: "Lungs, heart" }).click();
  assert.equal(await shown(".anatomy"), true);
  await page.getByRole("button", { name: "Lungs, heart" }).click();
}

async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: button }).click()]);
  return readFileSync(await download.path());
}

const savedJson = async (page) => JSON.parse(await saved(page, "Download JSON as reviewed"));
const isPng = (bytes) => bytes.subarray(1, 4).toString() === "PNG";

async function checkPhrase(page) {
  const before = await page.locator(".finding").count();
  await page.getByLabel("Look for something else").fill("cardiomegaly");
  await page.getByLabel("Look for something else").press("Enter");
  await page.locator(".finding").nth(before).waitFor();
  const grounding = await savedJson(page);
  assert.equal(grounding.findings.length, before + 1);
  assert.equal(grounding.findings.at(-1).phrase.text, "cardiomegaly");
  assert.ok(isPng(await saved(page, "Download PNG as found")));
}

const boxOf = (page, index, nth = 0) => page.locator(`.box[data-finding="${index}"][data-nth="${nth}"]`);
const decide = (page, index, key) => page.locator(".finding").nth(index).locator(`[data-key="${key}"]`);

/** Drags from the middle of something by so many pixels of the screen. */
async function drag(page, node, dx, dy) {
  await page.locator("#stage").scrollIntoViewIfNeeded();
  const { x, y, width, height } = await node.boundingBox();
  const from = [x + width / 2, y + height / 2];
  await page.mouse.move(...from);
  await page.mouse.down();
  await page.mouse.move(from[0] + dx / 2, from[1] + dy / 2);
  await page.mouse.move(from[0] + dx, from[1] + dy);
  await page.mouse.up();
}

/** A finger that goes from the middle of something by so many pixels. */
async function swipe(page, node, dx, dy) {
  await page.locator("#stage").scrollIntoViewIfNeeded();
  const { x, y, width, height } = await node.boundingBox();
  const browserSide = await page.context().newCDPSession(page);
  const touch = (type, ...touchPoints) => browserSide.send("Input.dispatchTouchEvent", { type, touchPoints });
  const at = (share) => ({ x: x + width / 2 + dx * share, y: y + height / 2 + dy * share });
  await touch("touchStart", at(0));
  for (let share = 0.25; share <= 1; share += 0.25) await touch("touchMove", at(share));
  await touch("touchEnd");
  await browserSide.detach();
}

/** What the file says of a box. */
async function entry(page, finding, box) {
  const { review, findings } = await savedJson(page);
  const found = review.boxes.find((each) => each.finding === finding && each.box === box);
  return { ...found, original: box === null ? null : findings[finding].boxes[box].box };
}

/** Boxes are accepted, rejected, moved, changed and drawn, with pointer and keys, and everything can be undone. */
async function checkReview(page, name) {
  await page.locator("#stage").scrollIntoViewIfNeeded();
  await decide(page, 0, "accept-0").click();
  assert.equal((await entry(page, 0, 0)).decision, "accepted");
  assert.match(await boxOf(page, 0).getAttribute("aria-label"), /, accepted$/);
  await boxOf(page, 1).focus();
  await page.keyboard.press("r");
  assert.equal((await entry(page, 1, 0)).decision, "rejected");
  assert.match(await page.locator(".finding").nth(1).innerText(), /rejected/);

  // Keys: nothing moves until editing is on; then arrows move, and with Shift they change the size.
  await boxOf(page, 2).focus();
  await page.keyboard.press("ArrowRight");
  assert.equal((await entry(page, 2, 0)).decision, "undecided");
  await page.locator("#stage").focus();
  await page.keyboard.press("0");
  await page.keyboard.press("e");
  await boxOf(page, 2).focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight");
  for (let i = 0; i < 5; i++) await page.keyboard.press("Shift+ArrowDown");
  await status(page, /Box 3 edited by a person: left \d+, top \d+, \d+ wide, \d+ high/);
  assert.equal(await boxOf(page, 2).evaluate((node) => node === document.activeElement), true, "the box keeps the focus");
  const keyed = await entry(page, 2, 0);
  assert.equal(keyed.decision, "edited");
  const change = keyed.edited_box.map((value, i) => value - keyed.original[i]);
  assert.ok(change[0] > 0 && Math.abs(change[0] - change[2]) < 0.02, `moved to the right: ${change}`);
  assert.ok(Math.abs(change[1]) < 0.02 && change[3] > 1, `the lower edge moved alone: ${change}`);

  // Pointer: a box moves as a whole, a handle takes its corner along, and the image stays within its frame.
  await page.locator("#stage").scrollIntoViewIfNeeded();
  await drag(page, boxOf(page, 3).locator(".line"), -30, 12);
  const moved = await entry(page, 3, 0);
  assert.ok(moved.edited_box[0] < moved.original[0] && moved.edited_box[1] > moved.original[1]);
  await drag(page, page.locator(".handle.se .grip"), 4000, 4000);
  const { image } = await savedJson(page);
  const stretched = (await entry(page, 3, 0)).edited_box;
  assert.deepEqual(stretched.slice(2), [image.width, image.height]);
  assert.deepEqual(stretched.slice(0, 2), moved.edited_box.slice(0, 2));
  await page.getByRole("button", { name: "Undo" }).click();
  assert.deepEqual((await entry(page, 3, 0)).edited_box, moved.edited_box);
  if (await page.evaluate(() => navigator.maxTouchPoints > 0)) {
    await swipe(page, boxOf(page, 3).locator(".line"), -10, -40);
    const swiped = (await entry(page, 3, 0)).edited_box;
    assert.ok(swiped[0] < moved.edited_box[0] && swiped[1] < moved.edited_box[1], "a finger moves a box up and to the left");
    await page.getByRole("button", { name: "Undo" }).click();
  }
  await page.keyboard.press("Control+z");
  assert.equal((await entry(page, 3, 0)).decision, "undecided");

  // Drawing: with the pointer, then with the keys; what was drawn can be taken away.
  const drawn = await page.locator(".finding").nth(4).locator("[data-key=draw]");
  await drawn.click();
  await page.locator("#stage").scrollIntoViewIfNeeded();
  const stage = await page.locator("#stage").boundingBox();
  const [x, y] = [stage.x + stage.width / 2, stage.y + stage.height / 4];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 60, y + 40);
  await page.mouse.up();
  const added = await entry(page, 4, null);
  assert.equal(added.decision, "added");
  const { width } = await page.locator("#film").evaluate((film) => film.getBoundingClientRect());
  assert.ok(Math.abs((added.edited_box[2] - added.edited_box[0]) * (width / image.width) - 60) < 2, "as wide as it was drawn");
  await drawn.click();
  await page.keyboard.press("Escape");
  await status(page, "Nothing was drawn.");
  await drawn.click();
  await page.keyboard.press("Enter");
  await boxOf(page, 4, 2).waitFor();
  assert.equal(await boxOf(page, 4, 2).evaluate((node) => node === document.activeElement), true, "the new box has the focus");
  await accessible(page, `${name}, reviewed`);
  await picture(page, `${name}-reviewed`);
  await decide(page, 4, "remove-2").click();
  assert.equal(await boxOf(page, 4, 2).count(), 0);

  // Files: COCO has what was not rejected, where it is now; the model's own boxes stay in the JSON.
  const { review, findings } = await savedJson(page);
  const kept = review.boxes.filter(({ decision }) => decision !== "rejected");
  const coco = JSON.parse(await saved(page, "Download COCO as reviewed"));
  assert.equal(coco.annotations.length, kept.length);
  assert.ok(!coco.annotations.some(({ phrase }) => phrase === findings[1].phrase.text), "the rejected box is not there");
  const edited = coco.annotations.find(({ phrase }) => phrase === findings[2].phrase.text);
  assert.deepEqual(edited.bbox.slice(0, 2), keyed.edited_box.slice(0, 2));
  assert.ok(!("score" in edited) && edited.decision === "edited");
  assert.ok(isPng(await saved(page, "Download PNG as reviewed")));
  // A structured report tells a person's boxes from the model's.
  const isPlaced = (bytes) => bytes.includes("box placed by a person");
  for (const what of ["found", "reviewed"]) {
    const report = await saved(page, `Download DICOM SR as ${what}`);
    assert.equal(report.subarray(128, 132).toString(), "DICM");
    assert.equal(isPlaced(report), what === "reviewed");
  }
  const summary = await page.locator("#review-summary").innerText();
  assert.match(summary, /1 accepted, 1 rejected, 1 edited, 1 added/);

  // All the way back.
  const undo = page.getByRole("button", { name: "Undo" });
  for (let i = 0; i < 20 && (await undo.isEnabled()); i++) await undo.click();
  assert.match(await page.locator("#review-summary").innerText(), /^0 of/);
  assert.ok((await savedJson(page)).review.boxes.every(({ decision, edited_box }) => decision === "undecided" && edited_box === null));
  await page.locator("#edit-boxes").click();
}

/** Each layer is another picture over the image, and says what it is. */
async function checkLayers(page, name) {
  await page.locator(".finding > button").first().click();
  const seen = new Set();
  for (const kind of ["global", "local", "prior"]) {
    await page.getByLabel("Layer").selectOption(kind);
    await page.locator("#legend-bar").waitFor();
    const pixels = await page.locator("#layer").evaluate(async (layer) => {
      await layer.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: layer.naturalWidth, height: layer.naturalHeight });
      const context = canvas.getContext("2d");
      context.drawImage(layer, 0, 0);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      let [sum, least, most] = [0, 255, 0];
      for (let i = 3; i < data.length; i += 4) [sum, least, most] = [sum + data[i], Math.min(least, data[i]), Math.max(most, data[i])];
      return { sum, least, most };
    });
    assert.ok(pixels.least < 40 && pixels.most > 180, `${kind} has clear and dense parts: ${JSON.stringify(pixels)}`);
    seen.add(pixels.sum);
    const caution = kind === "prior" ? /the same on any other patient/ : /not evidence/;
    assert.match(await page.locator("#legend-caution").innerText(), caution);
    await picture(page, `${name}-layer-${kind}`);
  }
  assert.equal(seen.size, 3, "three layers are three pictures");
  await accessible(page, `${name}, layer`);
  await page.locator("#layer-opacity").fill("0.3");
  assert.equal(await page.locator("#layer").evaluate((layer) => getComputedStyle(layer).opacity), "0.3");
  const denied = page.locator(".finding.absent > button").first();
  await denied.click();
  await page.locator("#legend-text", { hasText: "has no such layer" }).waitFor();
  assert.equal(await page.locator("#layer").isVisible(), false);
  await page.getByLabel("Layer").selectOption("none");
  assert.equal(await page.locator("#legend").isVisible(), false);
}

/** A structured report is offered for DICOM only, and a picture says why not. */
async function checkPicture(page) {
  page.on("dialog", (dialog) => dialog.accept());
  assert.equal(await page.getByRole("button", { name: "Download DICOM SR as found" }).isEnabled(), true);
  await page.locator("#report").evaluate((report) => (report.value = ""));
  await page.locator("#file").setInputFiles(fileURLToPath(new URL("../../docs/overlay.png", import.meta.url)));
  await status(page, "Paste the report, or look for a phrase.");
  await page.getByLabel("Look for something else").fill("cardiomegaly");
  await page.getByLabel("Look for something else").press("Enter");
  await page.locator(".finding").first().waitFor();
  for (const what of ["found", "reviewed"]) {
    assert.equal(await page.getByRole("button", { name: `Download DICOM SR as ${what}` }).isDisabled(), true);
  }
  assert.match(await page.locator("#sr-reason").innerText(), /sent as DICOM; this one is PNG/);
}

/** The reference has every operation of the document, leads nowhere that is not there, and can be used with keys. */
async function checkDocs(page, name) {
  await page.goto(address);
  await page.getByRole("link", { name: "API reference" }).click();
  await page.locator("#schemas").waitFor();
  const document = await (await fetch(new URL("/openapi.json", address))).json();
  const documented = Object.values(document.paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
  for (const id of documented) assert.equal(await page.locator(`#${id}.operation`).count(), 1, id);
  const lost = await page.evaluate(() => [...window.document.querySelectorAll("a[href^='#']")].filter((link) => !window.document.querySelector(link.hash)).map((link) => link.hash));
  assert.deepEqual(lost, []);
  const commands = await page.locator(".command pre").allInnerTexts();
  assert.equal(commands.length, documented.length);
  assert.ok(commands.includes(`curl -F 'image=@chest.dcm' "${new URL("/v1/sessions", address)}"`), commands.join("\n"));
  await accessible(page, `${name}, reference`);
  await picture(page, `${name}-docs`);
  await page.locator("nav a[href='#groundInSession']").focus();
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("#groundInSession").evaluate((node) => Math.abs(node.getBoundingClientRect().top) < innerHeight));
  await page.locator("summary").first().focus();
  await page.keyboard.press("Enter");
  await page.locator("#pageMain").waitFor();
  await accessible(page, `${name}, reference unfolded`);
  const overflow = await page.evaluate(() => window.document.documentElement.scrollWidth - window.document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${name}: the reference is ${overflow} pixels too wide`);
  await picture(page, `${name}-docs-ground`);
}

/** An ended session is opened again from the image that the page still has. */
async function checkEndedSession(page) {
  const [request] = await Promise.all([
    page.waitForRequest((request) => request.url().endsWith("/ground")),
    page.getByLabel("Look for something else").fill("left effusion").then(() => page.getByLabel("Look for something else").press("Enter")),
  ]);
  await status(page, "finding");
  const session = new URL(request.url()).pathname.replace("/ground", "");
  await page.evaluate((path) => fetch(path, { method: "DELETE" }), session);
  const before = await page.locator(".finding").count();
  await page.getByLabel("Look for something else").fill("right effusion");
  await page.getByLabel("Look for something else").press("Enter");
  await page.locator(".finding").nth(before).waitFor();
}

for (const colours of ["light", "dark"]) {
  for (const [width, height] of [[1280, 860], [390, 844]]) {
    const name = `${width}-${colours}`;
    const { page, problems } = await open(width, height, colours);
    await accessible(page, `${name}, empty`);
    await picture(page, `${name}-empty`);
    await trySample(page);
    await accessible(page, `${name}, sample`);
    await picture(page, `${name}-sample`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${name}: ${overflow} pixels too wide`);
    assert.ok(await page.getByText("Research software, not a medical device.").isVisible());
    await page.locator(".finding > button").first().click();
    await page.locator("summary").first().click();
    await picture(page, `${name}-selected`, { fullPage: width < 800 });
    await checkLinks(page);
    await checkTools(page);
    await checkReview(page, name);
    await checkLayers(page, name);
    await checkPhrase(page);
    await accessible(page, `${name}, phrase`);
    // A layer of what nobody looked for is refused, and the browser logs that.
    const refusals = problems.splice(0).filter((problem) => !problem.includes("422 (Unprocessable"));
    assert.deepEqual(refusals, [], name);
    // The browser logs the 404 that follows.
    await checkEndedSession(page);
    problems.length = 0;
    await checkPicture(page);
    await checkDocs(page, name);
    assert.deepEqual(problems, [], name);
    await page.context().close();
    console.log(`${name}: fine`);
  }
}
await browser.close();
