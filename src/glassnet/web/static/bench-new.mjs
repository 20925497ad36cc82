// The archive is asked for only where one is chosen.

const source = document.getElementById("source");
const field = document.getElementById("upload-field");

function fit() {
  field.hidden = source.value !== "upload";
  field.querySelector("input").required = source.value === "upload";
}

source.addEventListener("change", fit);
fit();
