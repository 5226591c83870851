// The reference of the API, made from /openapi.json: what the document says, no more and no less.

const METHODS = ["get", "post", "put", "patch", "delete"];
/** Example values for curl, by the name of a field or parameter. */
const EXAMPLES = { image: "@chest.dcm", report: "<report.txt", phrase: "cardiomegaly", id: "$id", layer: "global", finding: "0" };
/** Files of the page itself: few read them, so they stay folded. */
const FOLDED = new Set(["page"]);

const $ = (id) => document.getElementById(id);

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

/** Words with `code` between backticks; they become text, never markup. */
function prose(text) {
  return text.split("`").map((part, at) => (at % 2 ? make("code", "", part) : document.createTextNode(part)));
}

/** Follows a reference into the document. */
export function resolved(document, value) {
  const pointer = value?.$ref?.startsWith("#/") ? value.$ref.slice(2) : null;
  if (!pointer) return value;
  const unescaped = (part) => part.replaceAll("~1", "/").replaceAll("~0", "~");
  return pointer.split("/").reduce((at, part) => at?.[unescaped(part)], document);
}

/** Operations by tag, in the order of the document. */
export function operations(document) {
  const groups = new Map(document.tags.map(({ name }) => [name, []]));
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of METHODS.filter((each) => methods[each])) {
      const operation = methods[method];
      for (const tag of operation.tags) groups.get(tag)?.push({ method: method.toUpperCase(), path, operation });
    }
  }
  return groups;
}

/** A shell command that asks this operation. */
export function curl(document, { method, path, operation }, origin) {
  const url = origin + path.replace(/\{(\w+)\}/g, (_, name) => EXAMPLES[name] ?? `$${name}`);
  const parts = ["curl"];
  if (method !== "GET" && method !== "POST") parts.push(`-X ${method}`);
  const content = operation.requestBody?.content ?? {};
  const form = resolved(document, content["multipart/form-data"]?.schema);
  if (form) for (const name of Object.keys(form.properties)) parts.push(`-F '${name}=${EXAMPLES[name] ?? "…"}'`);
  else if (content["application/json"]) parts.push("-H 'Content-Type: application/json' --data @body.json");
  else if (method === "POST") parts.push("-X POST");
  const types = Object.keys(resolved(document, operation.responses["200"])?.content ?? {});
  if (types.length === 1 && types[0].startsWith("image/")) parts.push("-o answer.png");
  if (types[0] === "text/event-stream") parts.push("-N");
  return `${parts.join(" ")} "${url}"`;
}

/** A type in words, with a link to its schema if it has a name. */
function typeOf(schema) {
  if (!schema) return [];
  const local = schema.$ref?.match(/^#\/components\/schemas\/(\w+)$/)?.[1];
  if (local) return [link(`#schema-${local}`, local)];
  if (schema.$ref) {
    const [file, place] = schema.$ref.split("#");
    return [link(file, place?.split("/").at(-1) || "the schema of a result")];
  }
  if (schema.const !== undefined) return [make("code", "", JSON.stringify(schema.const))];
  if (schema.enum) return schema.enum.flatMap((value, at) => [...(at ? [" | "] : []), make("code", "", JSON.stringify(value))]);
  if (schema.type === "array") return ["array of ", ...(schema.items ? typeOf(schema.items) : ["anything"])];
  if (schema.contentEncoding) return [`${schema.type}, ${schema.contentEncoding}`];
  if (schema.contentMediaType) return ["bytes"];
  const types = [schema.type ?? "anything"].flat().join(" or ");
  return [schema.minimum === undefined ? types : `${types}, from ${schema.minimum}`];
}

function link(address, text) {
  const anchor = make("a", "", text);
  anchor.href = address;
  return anchor;
}

/** `caption` is read by everybody; `what` tells several tables apart for those who don't see where they stand. */
function table(caption, what, heads, rows) {
  const head = make("tr", "", ...heads.map((text) => Object.assign(make("th", "", text), { scope: "col" })));
  const body = rows.map(([first, ...rest]) => {
    const name = Object.assign(make("th", "", ...[first].flat()), { scope: "row" });
    return make("tr", "", name, ...rest.map((cell) => make("td", "", ...[cell].flat())));
  });
  const made = make("table", "", make("caption", "", caption), make("thead", "", head), make("tbody", "", ...body));
  const frame = make("div", "table", made);
  // It may be wider than a small screen, and then keys have to reach its end.
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", `${caption} of ${what}`);
  return frame;
}

function properties(schema, depth = 0) {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const isNeeded = schema.required?.includes(name);
    const own = [make("code", "", `${"· ".repeat(depth)}${name}`), typeOf(inner), isNeeded ? "yes" : "no", prose(inner.description ?? "")];
    const below = inner.type === "array" ? inner.items : inner;
    return [own, ...(below?.properties ? properties(below, depth + 1) : [])];
  });
}

function command(text, what) {
  const pre = make("pre", "", make("code", "", text));
  pre.tabIndex = 0;
  pre.setAttribute("role", "region");
  pre.setAttribute("aria-label", `Command for ${what}`);
  const copy = make("button", "copy", "Copy");
  copy.type = "button";
  copy.setAttribute("aria-label", `Copy the command for ${what}`);
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      $("status").textContent = "The command is copied.";
    } catch {
      $("status").textContent = "The browser does not let this page copy; select the command instead.";
    }
  });
  return make("div", "command", pre, copy);
}

/** One operation; `titles` is its method and path. */
function card(document, entry, titles) {
  const { method, path, operation } = entry;
  const title = make("h3", "", make("span", `method ${method.toLowerCase()}`, method), " ", make("code", "path", path));
  title.id = `${operation.operationId}-title`;
  const article = make("article", "operation", title, make("p", "summary", ...prose(operation.summary)));
  article.id = operation.operationId;
  article.setAttribute("aria-labelledby", title.id);
  if (operation.description) article.append(make("p", "", ...prose(operation.description)));
  if (operation.security?.length === 0) article.append(make("p", "fine", "Open: needs no token."));
  const parameters = (operation.parameters ?? []).map((each) => resolved(document, each));
  if (parameters.length) {
    const rows = parameters.map((each) => [make("code", "", each.name), each.in, typeOf(each.schema), prose(each.description ?? "")]);
    article.append(table("Parameters", titles, ["name", "in", "type", "meaning"], rows));
  }
  const body = Object.entries(operation.requestBody?.content ?? {});
  if (body.length) {
    const rows = body.map(([type, { schema }]) => [make("code", "", type), typeOf(schema)]);
    article.append(table("Body", titles, ["content type", "schema"], rows));
  }
  const answers = Object.entries(operation.responses).map(([status, reference]) => {
    const answer = resolved(document, reference);
    const content = Object.entries(answer.content ?? {});
    const forms = content.flatMap(([type, { schema }], at) => [...(at ? [make("br")] : []), make("code", "", type), ...(schema ? [" ", ...typeOf(schema)] : [])]);
    const headers = Object.keys(answer.headers ?? {});
    const also = headers.length ? [" Header: ", make("code", "", headers.join(", ")), "."] : [];
    return [status, [...prose(answer.description), ...also], forms.length ? forms : "no body"];
  });
  article.append(table("Answers", titles, ["status", "meaning", "form"], answers));
  article.append(command(curl(document, entry, location.origin), titles));
  return article;
}

function section(document, tag, entries) {
  const title = make("h2", "", tag);
  title.id = `tag-${tag}`;
  const cards = entries.map((entry) => card(document, entry, `${entry.method} ${entry.path}`));
  const node = make("section", "", title);
  node.setAttribute("aria-labelledby", title.id);
  if (FOLDED.has(tag)) node.append(make("details", "folded", make("summary", "", `${entries.length} files of the page and the sample`), ...cards));
  else node.append(...cards);
  return node;
}

function schemaCard(name, schema) {
  const title = make("h3", "", name);
  title.id = `schema-${name}`;
  const rows = properties(schema);
  const article = make("article", "operation", title, make("p", "", ...prose(schema.description ?? "")));
  article.setAttribute("aria-labelledby", title.id);
  if (rows.length) article.append(table("Fields", name, ["field", "type", "needed", "meaning"], rows));
  return article;
}

function contents(groups, schemas) {
  const list = (entries) => make("ul", "", ...entries.map(([address, ...text]) => make("li", "", linkOf(address, text))));
  const linkOf = (address, text) => {
    const anchor = make("a", "", ...text);
    anchor.href = address;
    return anchor;
  };
  const parts = [...groups].filter(([tag]) => !FOLDED.has(tag)).flatMap(([tag, entries]) => [
    make("p", "tag", link(`#tag-${tag}`, tag)),
    list(entries.map(({ method, path, operation }) => [`#${operation.operationId}`, make("span", `method ${method.toLowerCase()}`, method), " ", path])),
  ]);
  const folded = [...groups.keys()].filter((tag) => FOLDED.has(tag)).map((tag) => make("p", "tag", link(`#tag-${tag}`, tag)));
  return [...parts, ...folded, make("p", "tag", link("#schemas-title", "schemas")), list(schemas.map((name) => [`#schema-${name}`, name]))];
}

function show(api) {
  const groups = operations(api);
  const schemas = Object.entries(api.components.schemas);
  $("about").textContent = api.info.summary;
  $("intro").append(make("p", "", ...prose(api.info.description)));
  const schemes = Object.values(api.components.securitySchemes ?? {});
  if (schemes.length) {
    const words = "`Authorization: Bearer TOKEN` goes with every request that is not marked as open. ";
    $("intro").append(make("p", "", ...prose(words + schemes.map((scheme) => scheme.description).join(" "))));
  }
  $("operations").append(...[...groups].map(([tag, entries]) => section(api, tag, entries)));
  $("schemas").append(...schemas.map(([name, schema]) => schemaCard(name, schema)));
  $("schemas").hidden = false;
  $("contents").append(...contents(groups, schemas.map(([name]) => name)));
  $("status").textContent = "";
  // The address may name a place that was not there yet.
  if (location.hash) $(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

try {
  const response = await fetch("/openapi.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`${response.status}`);
  show(await response.json());
} catch {
  $("status").textContent = "The description of the API cannot be read. Is the server still running?";
  $("status").className = "status error";
}
