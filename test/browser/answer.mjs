// Chooses a password by link, logs in, opens the newest case, answers it and waits until the answer is sent; prints what was seen.
//
//   node answer.mjs CHROMIUM LINK PASSWORD MAIL TEXT
import { chromium } from "playwright-core"

const [executablePath, link, password, mail, text] = process.argv.slice(2)
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] })
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "sv-SE" })
const page = await context.newPage()
const said = []
page.on("console", (m) => ["error", "warning"].includes(m.type()) && said.push(m.text()))
page.on("pageerror", (e) => said.push(String(e)))
const base = new URL(link).origin
if (link.includes("/link/")) {
  await page.goto(link)
  await page.fill("input[name=password]", password)
  await page.fill("input[name=repeat]", password)
  await Promise.all([page.waitForNavigation(), page.press("input[name=repeat]", "Enter")])
}
await page.goto(base + "/login")
await page.fill("input[name=email]", mail)
await page.fill("input[name=password]", password)
await Promise.all([page.waitForURL(/cases/), page.press("input[name=password]", "Enter")])
await page.goto(base + "/cases?view=open")
const subject = (await page.locator("table tbody tr").first().innerText()).trim()
await page.locator("table tbody tr a").first().click()
await page.waitForURL(/cases\/\d+/)
const number = Number(new URL(page.url()).pathname.split("/")[2])
const shown = await page.locator("main").innerText()
if (text) {
  await page.fill("textarea[name=body]", text)
  await Promise.all([page.waitForNavigation(), page.locator("form:has(textarea[name=body]) button[type=submit]").first().click()])
  for (let i = 0; i < 100; i++) {
    await page.goto(`${base}/cases/${number}`)
    if ((await page.locator("main").innerText()).includes("Skickat")) break
    await new Promise((r) => setTimeout(r, 100))
  }
}
const after = await page.locator("main").innerText()
console.log(JSON.stringify({ subject, number, shown, after, said }))
await browser.close()
