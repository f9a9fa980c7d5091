// The only Trusted Types policy. It must stand before htmx runs. Scripts can be made from text nowhere:
// the policy has neither createScript nor createScriptURL. HTML comes from our own pages alone (htmx asks
// no other origin), and what would run even under the page's CSP is refused once more here.
const risky = /<(script|object|embed|base|meta|link)[\s/>]|[\s"'/]on[a-z]+\s*=|javascript:/i

if (window.trustedTypes) {
  window.trustedTypes.createPolicy("default", {
    createHTML: (text) => (risky.test(text.replace(/<head[\s>][\s\S]*?<\/head>/i, "").replace(/>[^<]*</g, "><")) ? null : text),
  })
}
