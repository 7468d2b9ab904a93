const kind = document.getElementById("kind");
const label = document.getElementById("label");
const examples = document.querySelectorAll("article");

function filterExamples() {
  let shown = 0;
  for (const example of examples) {
    const kinds = JSON.parse(example.dataset.kinds);
    const labels = JSON.parse(example.dataset.labels);
    const visible =
      (kind.value === "" || kinds.includes(kind.value)) &&
      (label.value === "" || labels.includes(label.value));
    example.hidden = !visible;
    shown += visible;
  }
  document.getElementById("shown").textContent = shown;
}

kind.addEventListener("change", filterExamples);
label.addEventListener("change", filterExamples);
// A reloaded page may keep what was selected
filterExamples();
