// Does the main job in a real browser: from the link in an invitation to a letter that is answered, and out again. On the way
// axe looks at every page, in the languages given. Nothing is clicked that a person could not see.
//
//   node desk.mjs CHROMIUM BASE-URL WORLD-URL TOKEN MAIL PASSWORD OUT-DIR
//
// It prints what it found as JSON, and asks WORLD-URL where the outside has something to do.
import { readFileSync, mkdirSync } from "node:fs"
import { createRequire } from "node:module"
import { chromium } from "playwright-core"

const [executablePath, base, world, token, mail, password, out] = process.argv.slice(2)
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")
mkdirSync(out, { recursive: true })
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] })
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "sv", reducedMotion: "reduce" })
const page = await context.newPage()
const found = { problems: [], seen: [], cookies: [] }
const say = (rule, detail) => found.problems.push({ page: new URL(page.url()).pathname, rule, detail })
page.on("console", (m) => ["error", "warning"].includes(m.type()) && !/status of 4\d\d/.test(m.text()) && say("console", m.text()))
page.on("pageerror", (e) => say("script", String(e)))

async function look(name) {
  for (const lang of ["sv", "en"]) {
    await context.addCookies([{ name: "insegel-lang", value: lang, url: base }])
    await page.reload({ waitUntil: "load" })
    const spoken = await page.getAttribute("html", "lang")
    if (spoken !== lang) say("lang", `${name} speaks ${spoken}, not ${lang}`)
    await page.evaluate(axe)
    const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    for (const v of await page.evaluate(async (runOnly) => (await window.axe.run(document, { iframes: false, runOnly, resultTypes: ["violations"] })).violations, runOnly))
      for (const n of v.nodes) say("axe " + v.id, n.target.join(" ") + ": " + n.failureSummary.replace(/\s+/g, " "))
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 800 })
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (wide > 0) say("overflow", `${name}: ${wide} px at ${width}`)
      await page.screenshot({ path: `${out}/${name}-${lang}-${width}.png`, fullPage: true })
    }
    await page.setViewportSize({ width: 1280, height: 800 })
  }
  found.seen.push(name)
}

async function outside(what) {
  const answer = await fetch(`${world}/${what}`, { method: "POST" })
  if (!answer.ok) say("outside", what + ": " + answer.status)
}

try {
  await page.goto(`${base}/link/${token}`)
  await look("choose")
  await page.fill("#f-password", password)
  await page.fill("#f-repeat", password)
  await page.click("main form button[type=submit]")
  await page.waitForURL(/\/login$/)
  await look("login")
  await page.goto(`${base}/link/${token}`)
  await look("link-used")
  await page.goto(`${base}/forgotten`)
  await look("forgotten")
  await page.goto(`${base}/cases`)
  await page.waitForURL(/\/login\?next/)
  await page.fill("#f-email", mail)
  await page.fill("#f-password", password)
  await page.click("main form button[type=submit]")
  await page.waitForURL(/\/cases$/)
  found.cookies = (await context.cookies()).map((c) => `${c.name} secure=${c.secure} httpOnly=${c.httpOnly} sameSite=${c.sameSite}`)
  await look("first-run")
  await outside("letter")
  await page.goto(`${base}/cases`)
  await look("list")
  await page.click("td.subject a")
  await page.waitForURL(/\/cases\/1001$/)
  await look("case")
  await page.locator("details.quote summary").last().click()
  const frame = page.frameLocator("iframe")
  await frame.locator("b").waitFor()
  found.letter = { text: (await frame.locator("body").innerText()).trim(), scripts: await frame.locator("script").count(), pictures: await frame.locator("img").evaluateAll((all) => all.map((i) => i.naturalWidth)) }
  await page.fill("#f-body", "Hej Anna,\n\nvi har rättat adressen.")
  await page.setInputFiles("#f-files", { name: "beslut.txt", mimeType: "text/plain", buffer: Buffer.from("beslut") })
  await page.selectOption(".reply select[name=state]", "pending")
  await page.click(".reply button[type=submit]")
  await page.waitForURL(/#m-/)
  found.after = await page.locator(".delivery").last().innerText()
  await outside("send")
  await page.reload()
  found.sent = await page.locator(".delivery").last().innerText()
  found.downloaded = await Promise.all([page.waitForEvent("download"), page.locator(".files a").last().click()]).then(([d]) => d.suggestedFilename())
  await look("answered")
  await page.goto(`${base}/cases/1001/log`)
  await look("log")
  await page.goto(`${base}/cases/new`)
  await look("new")
  await page.fill("#f-email", "nobody")
  await page.goto(`${base}/quarantine`)
  await look("quarantine")
  await page.click("td.subject a")
  await look("held")
  await page.goto(`${base}/cases/9999`)
  await look("not-found")
  await page.click("details.menu summary")
  await page.click("details.menu form button")
  await page.waitForURL(/\/login\?out/)
  await look("logged-out")
  await page.goto(`${base}/cases`)
  found.end = new URL(page.url()).pathname
} catch (e) {
  say("stopped", String(e))
  await page.screenshot({ path: `${out}/stopped.png`, fullPage: true })
}
await browser.close()
console.log(JSON.stringify(found))
