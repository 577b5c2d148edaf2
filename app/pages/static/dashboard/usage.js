// Sums of tokens, as the ledger's documents have them.

const WRITES = ["cache_write_5m", "cache_write_1h"];
const PROMPT = ["input", "cache_read", ...WRITES];
const OUTPUTS = ["output", "estimated"];

const sum = (tokens, types) => types.reduce((total, type) => total + tokens[type], 0);

export const promptTokens = ({ tokens }) => sum(tokens, PROMPT);
export const writtenTokens = ({ tokens }) => sum(tokens, WRITES);
export const outputTokens = ({ tokens }) => sum(tokens, OUTPUTS);
export const allTokens = ({ tokens }) => sum(tokens, [...PROMPT, ...OUTPUTS]);

/** Return the share of the prompt that came from the cache; null without any. */
export function hitRatio(record) {
  const prompt = promptTokens(record);
  return prompt > 0 ? record.tokens.cache_read / prompt : null;
}
