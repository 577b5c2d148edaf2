// How the tokens divide into their types, as one bar. The table below it says the same in words.

/** Set the width of the bar's part for each type. */
export function showTokenBar(bar, byType) {
  const total = Object.values(byType).reduce((sum, count) => sum + count, 0);
  for (const part of bar.children) {
    const count = byType[part.dataset.type] ?? 0;
    part.style.flexGrow = total > 0 ? count / total : 0;
    part.hidden = count === 0;
  }
}
