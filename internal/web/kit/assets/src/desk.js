// What makes the pages pleasanter where scripts run. Nothing here is needed: every page reads, every form
// sends without it.
import "./policy.js"
import "../vendor/htmx.min.js"

// A form is sent once, however often a tired hand clicks. Coming back with the back button frees it.
document.addEventListener("submit", (e) => {
  const form = e.target
  if (form.hasAttribute("data-again") || form.method === "get") return
  if (form.dataset.sent) return e.preventDefault()
  form.dataset.sent = "yes"
  for (const b of form.querySelectorAll("button[type=submit]")) b.setAttribute("aria-busy", "true")
})
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent
    for (const b of form.querySelectorAll("[aria-busy]")) b.removeAttribute("aria-busy")
  }
})

// Text that was written and not sent is not lost by a stray click.
window.addEventListener("beforeunload", (e) => {
  for (const form of document.querySelectorAll("form[data-guard]:not([data-sent])")) {
    for (const t of form.querySelectorAll("textarea")) if (t.value !== t.defaultValue) return e.preventDefault()
  }
})

// Ctrl+Enter (Cmd+Enter on a Mac) sends from within a text box.
document.addEventListener("keydown", (e) => {
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && e.target.matches?.("textarea")) {
    e.preventDefault()
    e.target.form?.requestSubmit()
  }
})

// The button that shows a password exists only where it can work (ASVS 6.2.6).
for (const b of document.querySelectorAll("button[data-shows]")) {
  b.hidden = false
  b.addEventListener("click", () => {
    const input = document.getElementById(b.dataset.shows)
    const shown = input.type === "password"
    input.type = shown ? "text" : "password"
    b.setAttribute("aria-pressed", String(shown))
  })
}

// A menu closes when one clicks beside it or presses Escape.
const menus = () => document.querySelectorAll("details.menu[open]")
document.addEventListener("click", (e) => {
  for (const m of menus()) if (!m.contains(e.target)) m.open = false
})
document.addEventListener("keydown", (e) => {
  if (e.key !== "Escape") return
  for (const m of menus()) {
    m.open = false
    m.querySelector("summary").focus()
  }
})
