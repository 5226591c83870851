// Calls of this server's API; /openapi.json describes it.

let token = null;

/** The server said no; `hint` says what to do. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? "The server gave no reason");
    this.status = status;
    this.title = problem.title ?? "The server refused";
    this.hint = problem.hint ?? "";
  }
}

/** Kept in this tab only, until it closes. */
export function useToken(secret) {
  token = secret;
}

async function call(method, path, { body, accept = "application/json", signal } = {}) {
  const headers = { accept };
  if (token) headers.authorization = `Bearer ${token}`;
  if (typeof body === "string") headers["content-type"] = "application/json";
  const response = await fetch(path, { method, headers, body, signal, cache: "no-store" });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Refusal(response.status, problem);
}

/** Encodes an image, so that words can be looked for on it. */
export async function openSession(image) {
  const form = new FormData();
  // Its name could name the patient, so it stays here.
  form.append("image", image, "image");
  return (await call("POST", "/v1/sessions", { body: form })).json();
}

export async function shownImage(session) {
  return (await call("GET", `/v1/sessions/${session}/image`, { accept: "image/png" })).blob();
}

export async function ground(session, words) {
  return (await call("POST", `/v1/sessions/${session}/ground`, { body: JSON.stringify(words) })).json();
}

/** The result in another form: `image/png`, `application/dicom`. */
export async function groundAs(session, words, accept) {
  return (await call("POST", `/v1/sessions/${session}/ground`, { body: JSON.stringify(words), accept })).blob();
}

/** What a review leaves of its findings, in another form. */
export async function exportReviewed(session, file, accept) {
  return (await call("POST", `/v1/sessions/${session}/export`, { body: JSON.stringify(file), accept })).blob();
}

/** A map of one of the findings of these words, as a picture with alpha. */
export async function layer(session, words, kind, finding, signal) {
  const asked = { body: JSON.stringify(words), accept: "image/png", signal };
  return (await call("POST", `/v1/sessions/${session}/layers/${kind}/${finding}`, asked)).blob();
}

/** The image leaves the server's memory; `keepalive` lets that happen while the page closes. */
export function closeSession(session) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  fetch(`/v1/sessions/${session}`, { method: "DELETE", headers, keepalive: true }).catch(() => {});
}

/** The image and report inside the program. */
export async function sample() {
  const [image, report] = await Promise.all([call("GET", "/sample/rg1.dcm"), call("GET", "/sample/rg1-report.txt")]);
  return { image: await image.blob(), report: await report.text() };
}
