// The configuration of the secret scrubber, in words.

const MODES = {
  off: { tone: "idle", pill: "Scrubber off", text: "Off: requests are forwarded unchanged. Set ANTHROPIC_PROXY_SCRUB_MODE to turn it on." },
  detect: { tone: "warn", pill: "Scrubber counts only", text: "Detect: secrets are counted and forwarded unchanged." },
  pseudonymize: { tone: "ok", pill: "Scrubber on", text: "Pseudonymize: secrets are replaced" },
};

/** Show the mode in the header and in the panel, and the names of the detectors. */
export function showScrubber({ pill, state, details }, { mode, detectors, restore }) {
  const words = MODES[mode] ?? { tone: "idle", pill: `Scrubber: ${mode}`, text: mode };
  const restored = restore ? ", and restored in responses." : ". Responses keep the placeholders.";
  say(pill, words.tone, words.pill);
  say(state, words.tone, mode === "pseudonymize" ? words.text + restored : words.text);
  details.hidden = detectors.length === 0;
  details.querySelector("summary").textContent = `${detectors.length} detectors`;
  details.querySelector("p").textContent = detectors.join(", ");
}

function say(element, tone, text) {
  element.dataset.tone = tone;
  if (element.textContent !== text) element.textContent = text;
}
