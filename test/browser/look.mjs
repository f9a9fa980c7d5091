// Takes pictures of a running desk, page by page: for whoever wants to see what the pages look like with real cases in them.
//
//   node look.mjs CHROMIUM BASE-URL MAIL PASSWORD OUT-DIR [PATH …]
import { mkdirSync } from "node:fs"
import { chromium } from "playwright-core"

const [executablePath, base, mail, password, out, ...paths] = process.argv.slice(2)
mkdirSync(out, { recursive: true })
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] })
const looks = [
  { name: "light-1280", width: 1280, height: 800, colorScheme: "light" },
  { name: "dark-1280", width: 1280, height: 800, colorScheme: "dark" },
  { name: "light-390", width: 390, height: 844, colorScheme: "light" },
  { name: "dark-390", width: 390, height: 844, colorScheme: "dark" },
]
for (const look of looks) {
  const context = await browser.newContext({ viewport: { width: look.width, height: look.height }, colorScheme: look.colorScheme, locale: process.env.LOCALE ?? "sv" })
  const page = await context.newPage()
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && console.log(look.name, page.url(), m.text()))
  await page.goto(base + "/login")
  await page.screenshot({ path: `${out}/login-${look.name}.png`, fullPage: true })
  await page.fill("#f-email", mail)
  await page.fill("#f-password", password)
  await page.click("form.form button[type=submit]")
  await page.waitForURL(/cases/)
  for (const path of paths.length ? paths : ["/cases", "/cases/new", "/quarantine"]) {
    await page.goto(base + path, { waitUntil: "load" })
    await page.evaluate(() => document.fonts.ready)
    await page.screenshot({ path: `${out}/${path.slice(1).replace(/[^a-z0-9]+/g, "-")}-${look.name}.png`, fullPage: true })
  }
  await context.close()
}
await browser.close()
