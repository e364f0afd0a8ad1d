// Reading the configuration again, and what came of it.
import { html, useState } from "../lib/html.js";
import { may, post } from "../lib/api.js";
import { Link } from "../lib/router.js";
import { Icon } from "../components/icon.js";
import { Card } from "../components/state.js";

export function Configuration() {
  const [told, tell] = useState(null);
  const [refused, refuse] = useState(null);
  const [busy, work] = useState(false);
  const reload = async () => {
    work(true);
    tell(null);
    refuse(null);
    try {
      tell(await post("/api/v1/config/reload"));
    } catch (why) {
      refuse(why);
    }
    work(false);
  };
  return html`<${Card} id="config" title="Configuration"><div class="body stack">
    <p>Reads the file and the prices again. Calls in flight go on as they began. A mistake changes nothing.</p>
    <div class="row"><button class="button" type="button" disabled=${busy} onClick=${reload}><${Icon} name="refresh" />${busy ? "Reading…" : "Reload configuration"}</button></div>
    ${refused && html`<div class="alert" role="alert"><${Icon} name="triangle" /><div><p class="strong">${refused.status === 422 ? "The file is refused" : "It was not reloaded"}</p><p class="as-written">${refused.words}</p></div></div>`}
    ${told && html`<div role="status"><${Told} told=${told} /></div>`}
  </div><//>`;
}

function Told({ told: { changed, ignored } }) {
  const names = (list) => html`<ul class="row">${list.map((name) => html`<li key=${name}><code>${name}</code></li>`)}</ul>`;
  return html`<div class="stack">
    ${changed.length ? html`<div><p class="strong">Changed</p>${names(changed)}</div>` : html`<p>Nothing has changed.</p>`}
    ${changed.includes("pricing") && may("pricing:read") && html`<p><${Link} to="/settings?section=pricing">Which prices are different<//></p>`}
    ${ignored.length > 0 && html`<div><p class="strong">Needs a restart</p>${names(ignored)}</div>`}
  </div>`;
}
