import type { PageContent } from './content.ts'

const STYLE = `
:root{color-scheme:light dark;--paper:#faf8f4;--ink:#2b2a28;--soft:#6f6a62;--line:#d9d3c8;--sun:#e8a64b}
@media(prefers-color-scheme:dark){:root{--paper:#15171c;--ink:#e8e6e1;--soft:#9a978f;--line:#353942;--sun:#d9dbe6}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100dvh;display:grid;place-content:center;padding:2rem 1.5rem;background:var(--paper);color:var(--ink);font:1.0625rem/1.6 system-ui,sans-serif}
main{width:min(30rem,calc(100vw - 3rem))}
svg{display:block;width:100%;margin-bottom:2rem;fill:none;stroke:var(--line);stroke-width:1.5;stroke-linecap:round}
.sun{fill:var(--sun);stroke:none}
.status{margin:0;color:var(--soft);font-size:.9375rem;letter-spacing:.08em;font-variant-numeric:tabular-nums}
h1{margin:.25rem 0 .75rem;font-size:1.875rem;line-height:1.2;font-weight:600;letter-spacing:-.015em;text-wrap:balance}
p{margin:0 0 .75rem;text-wrap:pretty}
a{color:inherit;text-decoration-color:var(--sun);text-decoration-thickness:2px;text-underline-offset:.25em}
footer{margin-top:2.5rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.8125rem}
code{font:.8125rem ui-monospace,monospace;overflow-wrap:anywhere}`

/** A sun that sets behind a horizon; after dark it is a moon. */
const PICTURE = `<svg viewBox="0 0 480 96" aria-hidden="true"><path class="sun" d="M200 64a40 40 0 0 1 80 0z"/><path d="M0 64h480M206 76h68M222 88h36"/></svg>`

/** Escapes text for an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

export type HtmlPage = PageContent & { status: number; requestId: string; wait: string | undefined }

/** A whole document: no script, nothing loaded from elsewhere, light and dark, under 4 kB. */
export function htmlPage({ title, sentence, again, status, requestId, wait }: HtmlPage): string {
  const words = [sentence, wait].filter((word) => word !== undefined).map(escapeHtml)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>${STYLE}
</style>
<main>
${PICTURE}
<p class="status">${status}</p>
<h1>${escapeHtml(title)}</h1>
<p>${words.join(' ')}</p>
${again ? '<p><a href="">Try again</a></p>\n' : ''}<footer>Request <code>${escapeHtml(requestId)}</code></footer>
</main>
</html>
`
}
