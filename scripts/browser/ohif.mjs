// Opens the study of an archive in OHIF, loads its structured report, takes a picture, moves the corner of a box, lets OHIF save its own
// report, and reads that with knowmvg; called by scripts/ohif.sh.
//
//   node ohif.mjs DIST ARCHIVE KNOWMVG REPORT PICTURE
//
// DIST is the folder of the built viewer, ARCHIVE an Orthanc with DICOMweb that holds one study, with REPORT. Needs Chromium (CHROMIUM
// names it; by default /usr/bin/chromium). Fails if the report does not become measurements, or if OHIF's report has other boxes.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { Readable } from "node:stream";
import { chromium } from "playwright-core";

const [dist, archive, knowmvg, report, picture] = process.argv.slice(2);
if (!picture) throw new Error("expected DIST ARCHIVE KNOWMVG REPORT PICTURE");
const PATIENCE = 180_000;
/** The box whose top left corner is moved, and by how much, in pixels of the page: one that no other lies over. */
const MOVED = 2;
const STEP = [-30, -20];

/** The groups of a structured report. */
const read = (file) => JSON.parse(execFileSync(knowmvg, ["sr", "--json", file]));
const written = read(report);

const CONFIG = `window.config = ${JSON.stringify({
  routerBasename: "/",
  extensions: [],
  modes: [],
  showStudyList: true,
  maxNumberOfWebWorkers: 2,
  showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: false,
  strictZSpacingForVolumeViewport: true,
  useNorm16Texture: false,
  // No tour over the picture.
  disableConfirmationPrompts: false,
  defaultDataSourceName: "dicomweb",
  dataSources: [
    {
      namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
      sourceName: "dicomweb",
      configuration: {
        friendlyName: "Orthanc",
        name: "orthanc",
        qidoRoot: "/dicom-web",
        wadoRoot: "/dicom-web",
        wadoUriRoot: "/wado",
        qidoSupportsIncludeField: false,
        imageRendering: "wadors",
        thumbnailRendering: "wadors",
        enableStudyLazyLoad: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        omitQuotationForMultipartRequest: true,
        bulkDataURI: { enabled: true },
      },
    },
  ],
})};`;

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};

/** The viewer, and the archive behind the same address. */
const server = createServer(async (request, response) => {
  const path = new URL(request.url, "http://localhost").pathname;
  response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
  if (path.startsWith("/dicom-web") || path.startsWith("/wado")) {
    const { accept = "*/*", "content-type": type } = request.headers;
    const sent = request.method === "POST" ? { method: "POST", body: Readable.toWeb(request), duplex: "half" } : {};
    const answer = await fetch(archive + request.url, { ...sent, headers: { accept, ...(type && { "content-type": type }) } });
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "application/octet-stream" });
    if (answer.body) Readable.fromWeb(answer.body).pipe(response);
    else response.end();
    return;
  }
  if (path === "/app-config.js") {
    response.writeHead(200, { "content-type": "text/javascript" }).end(CONFIG);
    return;
  }
  const asked = join(dist, normalize(path));
  const file = existsSync(asked) && statSync(asked).isFile() ? asked : join(dist, "index.html");
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
  createReadStream(file).pipe(response);
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const address = `http://127.0.0.1:${server.address().port}`;

const studies = await (await fetch(`${archive}/dicom-web/studies`, { headers: { accept: "application/dicom+json" } })).json();
assert.equal(studies.length, 1, "the archive holds one study: image and report belong together");
const study = studies[0]["0020000D"].Value[0];
const reports = async () => (await fetch(`${archive}/tools/find`, {
  method: "POST",
  body: JSON.stringify({ Level: "Instance", Query: { Modality: "SR" } }),
})).json();

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
  ],
});
const page = await browser.newPage({ viewport: { width: 1400, height: 850 } });
page.setDefaultTimeout(PATIENCE);
const problems = [];
page.on("pageerror", (error) => problems.push(String(error).slice(0, 300)));
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) problems.push(message.text().slice(0, 300));
});

/** The viewer greets with a tour, which lies over everything. */
async function closeTour() {
  await page.evaluate(() => {
    for (const element of document.querySelectorAll(".shepherd-modal-overlay-container, .shepherd-element")) element.remove();
  });
}

/** Where the image lies on the page: it fills its canvas as far as its shape lets it. */
async function placement() {
  const metadata = await (await fetch(`${archive}/dicom-web/studies/${study}/metadata`)).json();
  const { "00280011": columns, "00280010": rows } = metadata.find((instance) => instance["00280010"]);
  const canvas = await page.locator("canvas").first().boundingBox();
  const scale = Math.min(canvas.width / columns.Value[0], canvas.height / rows.Value[0]);
  const left = canvas.x + (canvas.width - scale * columns.Value[0]) / 2;
  const top = canvas.y + (canvas.height - scale * rows.Value[0]) / 2;
  return { scale, left, top };
}

/** Returns how many pixels of the image the corner was moved by, and the report that OHIF then sent to the archive. */
async function moveCornerAndSave() {
  const { scale, left, top } = await placement();
  const [x, y] = written[MOVED].boxes[0];
  const corner = [left + scale * x, top + scale * y];
  await page.mouse.move(...corner);
  await page.mouse.down();
  await page.mouse.move(corner[0] + STEP[0], corner[1] + STEP[1], { steps: 8 });
  await page.mouse.up();
  const before = await reports();
  await page.getByText("Create SR", { exact: true }).click();
  await page.getByRole("dialog").getByText("Save", { exact: true }).click();
  let added = [];
  for (let tries = 0; added.length === 0 && tries < 60; tries += 1) {
    await page.waitForTimeout(500);
    added = (await reports()).filter((id) => !before.includes(id));
  }
  assert.equal(added.length, 1, "OHIF saved a report");
  const file = report.replace(/\.dcm$/, "-edited.dcm");
  writeFileSync(file, Buffer.from(await (await fetch(`${archive}/instances/${added[0]}/file`)).arrayBuffer()));
  return { file, moved: STEP.map((step) => step / scale) };
}

/** OHIF's report has the boxes that ours had, but for the corner that was moved. */
function checkEdited(before, { file, moved }) {
  const after = read(file);
  assert.equal(after.length, before.length);
  after.forEach((group, index) => {
    const [x0, y0, x1, y1] = before[index].boxes[0];
    const [dx, dy] = index === MOVED ? moved : [0, 0];
    const off = [x0 + dx, y0 + dy, x1, y1].map((corner, place) => Math.abs(corner - group.boxes[0][place]));
    console.log(`${index + 1}: ${group.finding?.meaning}, off by ${Math.max(...off).toFixed(3)} pixels`);
    // A drag ends on a whole pixel of the page, which is some pixels of the image.
    assert.ok(Math.max(...off) < (index === MOVED ? 4 : 0.01));
  });
  console.log(`box ${MOVED + 1} was moved by ${moved.map((by) => by.toFixed(1)).join(", ")} pixels in OHIF, saved there and read back`);
}

try {
  await page.goto(`${address}/viewer?StudyInstanceUIDs=${study}`, { waitUntil: "domcontentloaded" });
  const thumbnail = page.locator('[data-cy="study-browser-thumbnail-no-image"]').first();
  await thumbnail.waitFor();
  await page.locator("canvas").first().waitFor();
  await page.waitForTimeout(8_000);
  await closeTour();
  await thumbnail.dblclick();
  const hydrate = page.locator('[data-cy="yes-hydrate-btn"]');
  await hydrate.waitFor();
  await closeTour();
  await hydrate.click();
  await page.waitForTimeout(8_000);
  await closeTour();
  const notice = page.getByRole("button", { name: "Confirm and hide" });
  if (await notice.isVisible()) await notice.click();
  const panel = page.locator('[data-cy="trackedMeasurements-btn"]');
  if (await panel.isVisible()) await panel.click();
  const rows = page.locator('[data-cy="data-row"]');
  await rows.first().waitFor();
  await page.waitForTimeout(3_000);
  await closeTour();
  const texts = await rows.allInnerTexts();
  await page.screenshot({ path: picture });
  texts.forEach((text) => console.log(text.replace(/\s+/g, " ").trim()));
  assert.ok(texts.length > 0, "the report became measurements");
  console.log(`${texts.length} measurements, editable`);
  await checkEdited(written, await moveCornerAndSave());
} catch (error) {
  await page.screenshot({ path: `${picture}.failed.png` });
  console.error(problems.slice(0, 20).join("\n"));
  throw error;
} finally {
  await browser.close();
  server.close();
}
