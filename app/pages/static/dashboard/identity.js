// Which proxy this is, in the header of the pages that show its ledger.

import { persistently } from "./persistently.js";

const METRICS = "../metrics";

/** Show the host and the version, and whether the responses are simulated. */
export async function showIdentity() {
  const response = await persistently(() => fetch(METRICS)).catch(() => null);
  if (!response?.ok) return;
  const { instance, version } = await response.json();
  const element = document.getElementById("instance");
  element.querySelector(".host").textContent = instance.host;
  element.querySelector(".version").textContent = version;
  element.hidden = false;
  document.getElementById("demo").hidden = !instance.simulated;
}
