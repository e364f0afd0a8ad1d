// Shows /openapi.json: every operation with its scope, parameters, body and answers.

const make = (tag, content, attributes = {}) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...[content].flat().filter((part) => part !== null));
  return element;
};

let schemas = {};

// A schema in a short notation: names of objects stay names.
const short = (schema) => {
  if (!schema) return "nothing";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(short).join(" or ");
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
  const type = [schema.type ?? "anything"].flat().join(" or ");
  if (schema.items) return `list of ${short(schema.items)}`;
  if (schema.additionalProperties) return `map of ${short(schema.additionalProperties)}`;
  return schema.format ? `${type} (${schema.format})` : type;
};

// Every object that a schema speaks of, itself first.
const named = (schema, found = new Map()) => {
  if (!schema || typeof schema !== "object") return found;
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    if (!found.has(name)) {
      found.set(name, schemas[name]);
      named(schemas[name], found);
    }
    return found;
  }
  for (const part of Object.values(schema)) named(part, found);
  return found;
};

const fields = (schema) => {
  const rows = Object.entries(schema.properties ?? {}).map(([name, holds]) =>
    make("tr", [
      make("td", make("code", name)),
      make("td", short(holds)),
      make("td", (schema.required ?? []).includes(name) ? "always" : "may be absent"),
    ]));
  return rows.length ? make("table", rows) : make("p", "No fields.");
};

const objects = (title, schema) => {
  const inline = schema.properties ? [make("h3", title), fields(schema)] : [make("h3", `${title}: ${short(schema)}`)];
  const parts = [...named(schema)].flatMap(([name, holds]) => [make("h3", name), fields(holds)]);
  return [...inline, ...parts];
};

const parameters = (list) => {
  if (!list.length) return [];
  const rows = list.map((one) =>
    make("tr", [make("td", make("code", one.name)), make("td", one.in), make("td", short(one.schema)), make("td", one.description ?? "")]));
  return [make("h3", "Parameters"), make("table", rows)];
};

const body = (operation) => {
  const content = operation.requestBody?.content?.["application/json"];
  return content ? objects("Body", content.schema) : [];
};

const answers = (operation) =>
  Object.entries(operation.responses).flatMap(([status, answer]) => {
    const content = Object.values(answer.content ?? {})[0];
    if (!status.startsWith("2")) return [make("h3", `${status}: ${answer.description}`)];
    return content ? objects(`Answer ${status}`, content.schema) : [make("h3", `Answer ${status}, empty`)];
  });

const entry = (path, method, operation) => {
  const head = make("summary", [
    make("span", method.toUpperCase(), { class: "method" }),
    make("code", path),
    make("span", operation.summary),
    make("span", operation["x-farebox-scope"], { class: "scope" }),
  ]);
  const details = make("details", head, { "data-text": `${method} ${path} ${operation.summary}`.toLowerCase() });
  // Filled when it is opened: the page stays small.
  details.addEventListener("toggle", () => {
    if (details.children.length > 1) return;
    details.append(make("div", [...parameters(operation.parameters), ...body(operation), ...answers(operation)]));
  });
  return details;
};

const show = (description) => {
  schemas = description.components.schemas;
  const groups = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(entry(path, method, operation));
    }
  }
  const sections = [...groups].map(([tag, entries]) => make("section", [make("h2", tag), ...entries]));
  document.getElementById("operations").replaceChildren(...sections);
  document.getElementById("about").replaceChildren(
    `Version ${description.info.version}. ${description.info.description} As `,
    make("a", "openapi.json", { href: "/openapi.json" }), ".");
};

const search = document.getElementById("search");
search.addEventListener("input", () => {
  const wanted = search.value.trim().toLowerCase();
  for (const details of document.querySelectorAll("details")) details.hidden = !details.dataset.text.includes(wanted);
  for (const section of document.querySelectorAll("section")) {
    section.hidden = [...section.querySelectorAll("details")].every((details) => details.hidden);
  }
});

const answer = await fetch("/openapi.json");
show(await answer.json());
