// A confusion matrix tells in words what lies under the pointer; for paper, all that folds opens.
function tell(event) {
  const cell = event.target.closest("td");
  if (!cell) return;
  const row = cell.parentElement;
  const matrix = row.closest("table");
  const truth = row.cells[0].textContent;
  const guess = matrix.tHead.rows[0].cells[cell.cellIndex].textContent;
  const count = Number(cell.textContent.replaceAll(",", ""));
  const total = Number(row.dataset.total);
  const verb = truth === guess ? `${truth} known as ${guess}` : `${truth} taken for ${guess}`;
  const share = total ? ` (${((100 * count) / total).toFixed(1)} %)` : "";
  const readout = matrix.closest(".field").querySelector(".readout");
  readout.textContent = `${verb}: ${count} of ${total}${share}`;
}

for (const matrix of document.querySelectorAll("table.confusion")) {
  matrix.tBodies[0].addEventListener("pointerover", tell);
  matrix.tBodies[0].addEventListener("click", tell);
}

addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details.print")) fold.open = true;
});
