const errorClass = document.getElementById("error-class");
const type = document.getElementById("type");
const examples = document.querySelectorAll("#examples article");

function filterExamples() {
  let shown = 0;
  for (const example of examples) {
    const { errorClass: ownClass, gold, predicted } = example.dataset;
    const visible =
      ["", ownClass].includes(errorClass.value) && ["", gold, predicted].includes(type.value);
    example.hidden = !visible;
    shown += visible;
  }
  document.getElementById("shown").textContent = shown;
}

errorClass.addEventListener("change", filterExamples);
type.addEventListener("change", filterExamples);
// A reloaded page may keep what was selected
filterExamples();
