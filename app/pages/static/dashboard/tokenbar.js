// The tokens by type, as one bar. The table below it shows the same figures.

/** Set the width of the bar's part for each type. */
export function showTokenBar(bar, byType) {
  const total = Object.values(byType).reduce((sum, count) => sum + count, 0);
  for (const part of bar.children) {
    const count = byType[part.dataset.type] ?? 0;
    part.style.flexGrow = total > 0 ? count / total : 0;
    part.hidden = count === 0;
  }
}
