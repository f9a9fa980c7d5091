// Chooses a filter in the list with scripts on: the list is exchanged, the address follows, the page is not
// loaded again, and the Trusted Types policy lets our own page through and nothing that would run.
//
//   node filter.mjs CHROMIUM BASE-URL
import { chromium } from "playwright-core"

const [executablePath, base] = process.argv.slice(2)
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] })
const page = await browser.newPage()
const said = []
page.on("console", (m) => ["error", "warning"].includes(m.type()) && said.push(m.text()))
page.on("pageerror", (e) => said.push(String(e)))
await page.goto(base + "/list-many", { waitUntil: "load" })
const before = await page.locator("#cases tbody tr").count()
await page.evaluate(() => { window.notReloaded = true })
await page.selectOption("select[name=state]", "new")
await page.waitForURL(/state=new/, { timeout: 15000 })
await page.locator("#cases .empty").waitFor({ timeout: 15000 })
const refused = await page.evaluate(() =>
  ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "<a href='javascript:alert(1)'>x</a>"].filter((text) => {
    try { document.createElement("div").innerHTML = text; return false } catch { return true }
  }).length)
const found = { before, reloaded: !(await page.evaluate(() => window.notReloaded === true)), refused, said: said.filter((t) => !t.includes("TrustedHTML")) }
await page.goto(base + "/login-sv", { waitUntil: "load" })
await page.fill("#f-password", "hemligt")
await page.click("button[data-shows]")
found.shown = await page.getAttribute("#f-password", "type")
await browser.close()
console.log(JSON.stringify(found))
