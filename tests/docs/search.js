// Search the site as Material does: the same fields, boosts and word handling, of the same lunr.
// Usage: node search.js LUNR INDEX QUERY…; prints the best places of each query as JSON.
const fs = require("fs");

const [lunrFile, indexFile, ...queries] = process.argv.slice(2);
const lunr = require(lunrFile);
const { config, docs } = JSON.parse(fs.readFileSync(indexFile));

const plain = (html) => html.replace(/<[^>]*>/g, " ");
const index = lunr(function () {
  this.ref("location");
  this.field("title", { boost: 1e3 });
  this.field("text");
  this.tokenizer.separator = new RegExp(config.separator);
  for (const { location, title, text } of docs) {
    this.add({ location, title: plain(title), text: plain(text) });
  }
});

// A hit in more of a query's words counts more.
const best = (query) =>
  index
    .search(query)
    .map(({ ref, score, matchData }) => {
      const words = new Set();
      for (const word of Object.keys(matchData.metadata)) words.add(word);
      return { ref, score: score * words.size };
    })
    .sort((one, other) => other.score - one.score)
    .slice(0, 5)
    .map(({ ref }) => ref);

console.log(JSON.stringify(Object.fromEntries(queries.map((query) => [query, best(query)]))));
