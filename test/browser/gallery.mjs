// Opens every page of the gallery in Chromium, light and dark, wide and narrow; runs axe; takes pictures;
// writes what it found as JSON. The Go test that starts it decides what is a failure.
//
//   node gallery.mjs CHROMIUM BASE-URL OUT-DIR < scenes.json
import { readFileSync, writeFileSync, mkdirSync } from "node:fs"
import { createRequire } from "node:module"
import { chromium } from "playwright-core"

const [executablePath, base, out] = process.argv.slice(2)
const scenes = JSON.parse(readFileSync(0, "utf8"))
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")
mkdirSync(out, { recursive: true })

const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
})
const looks = [
  { name: "light-1280", width: 1280, height: 800, colorScheme: "light" },
  { name: "dark-1280", width: 1280, height: 800, colorScheme: "dark" },
  { name: "light-390", width: 390, height: 844, colorScheme: "light" },
  { name: "dark-390", width: 390, height: 844, colorScheme: "dark" },
  { name: "light-2560", width: 2560, height: 1300, colorScheme: "light" },
]
const findings = []

for (const look of looks) {
  const context = await browser.newContext({ viewport: { width: look.width, height: look.height }, colorScheme: look.colorScheme, reducedMotion: "reduce" })
  const page = await context.newPage()
  let say
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && say("console", m.text()))
  page.on("pageerror", (e) => say("script", String(e)))
  page.on("requestfailed", (r) => say("request", r.url()))
  for (const scene of scenes) {
    if (scene.looks && !scene.looks.includes(look.name)) continue
    say = (rule, detail) => findings.push({ scene: scene.name, look: look.name, rule, detail })
    await page.goto(base + scene.path, { waitUntil: "load" })
    await page.evaluate(() => document.fonts.ready)
    if (scene.open) {
      await page.evaluate((sel) => document.querySelectorAll(sel).forEach((d) => (d.open = true)), scene.open)
      await page.waitForTimeout(200)
    }
    await page.evaluate(axe)
    const violations = await page.evaluate(async () => {
      const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
      return (await window.axe.run(document, { iframes: false, runOnly, resultTypes: ["violations"] })).violations
    })
    for (const v of violations) for (const n of v.nodes) say("axe " + v.id, n.target.join(" ") + ": " + n.failureSummary.replace(/\s+/g, " "))
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    if (wide > 0) {
      const who = await page.evaluate(() => [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && getComputedStyle(e).position !== "absolute").slice(-3).map((e) => e.tagName + "." + e.className))
      say("overflow", wide + " px: " + who.join(", "))
    }
    await page.screenshot({ path: `${out}/${scene.name}-${look.name}.png`, fullPage: look.height < 1000 })
  }
  await context.close()
}
await browser.close()
writeFileSync(`${out}/findings.json`, JSON.stringify(findings, null, 1))
