const by = (id) => document.getElementById(id);
function filter() {
  const rule = by("rule").value, severity = by("severity").value, text = by("text").value.toLowerCase();
  for (const section of document.querySelectorAll("section")) {
    const file = section.querySelector("h2").textContent.toLowerCase();
    let shown = 0;
    for (const item of section.querySelectorAll("li")) {
      const fits = (!rule || item.dataset.rule === rule) && (!severity || item.className === severity) &&
        (!text || file.includes(text) || item.textContent.toLowerCase().includes(text));
      item.hidden = !fits;
      shown += fits;
    }
    section.hidden = !shown;
  }
}
for (const id of ["rule", "severity", "text"]) by(id).addEventListener("input", filter);
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
