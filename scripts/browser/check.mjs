// Uses the page of `knowmvg serve` in Chromium as a person does, and asks axe-core whether everybody can.
//
//   npm install --no-save && node check.mjs http://127.0.0.1:8017 [folder for screenshots]
//
// Needs Node 20 and Chromium (CHROMIUM names it; by default /usr/bin/chromium). Not part of scripts/test.sh.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
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
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, acceptDownloads: true, reducedMotion: "reduce" });
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
  await page.locator(".finding button").first().focus();
  await isLit("an item of the list");
  await page.locator(".finding button").first().press("Enter");
  assert.equal(await page.locator(".finding button[aria-pressed=true]").count(), 1);
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
  await page.getByRole("button", { name: "Boxes" }).click();
  assert.equal(await shown(".box"), false);
  await page.getByRole("button", { name: "Boxes" }).click();
  await page.getByRole("button", { name: "Lungs, heart" }).click();
  assert.equal(await shown(".anatomy"), true);
  await page.getByRole("button", { name: "Lungs, heart" }).click();
}

async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: button }).click()]);
  return readFileSync(await download.path());
}

async function checkPhrase(page) {
  const before = await page.locator(".finding").count();
  await page.getByLabel("Look for something else").fill("cardiomegaly");
  await page.getByLabel("Look for something else").press("Enter");
  await page.locator(".finding").nth(before).waitFor();
  const grounding = JSON.parse(await saved(page, "Download JSON"));
  assert.equal(grounding.findings.length, before + 1);
  assert.equal(grounding.findings.at(-1).phrase.text, "cardiomegaly");
  assert.equal((await saved(page, "Download PNG")).subarray(1, 4).toString(), "PNG");
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
    await page.locator(".finding button").first().click();
    await page.locator("summary").first().click();
    await picture(page, `${name}-selected`, { fullPage: width < 800 });
    await checkLinks(page);
    await checkTools(page);
    await checkPhrase(page);
    await accessible(page, `${name}, phrase`);
    assert.deepEqual(problems, [], name);
    // The browser logs the 404 that follows.
    await checkEndedSession(page);
    await page.context().close();
    console.log(`${name}: fine`);
  }
}
await browser.close();
