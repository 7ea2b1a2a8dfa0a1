/** Style of the page. Allowed by its digest, so that the page needs no `unsafe-inline`. */
export const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 22%, transparent); --soft: color-mix(in srgb, currentColor 6%, transparent); --quiet: color-mix(in srgb, currentColor 72%, transparent); }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem 1.25rem 5rem; overflow-wrap: break-word; }
h1 { margin: 0 0 .5rem; } h1 small { color: var(--quiet); font-size: 1rem; font-weight: 400; }
h2 { margin: 3rem 0 .75rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: 1rem 0; }
:focus-visible { outline: 2px solid Highlight; outline-offset: 2px; }
code, pre { font-family: ui-monospace, monospace; font-size: .875rem; overflow-wrap: anywhere; }
pre { background: var(--soft); border-radius: .4rem; margin: .5rem 0; padding: .75rem 1rem; white-space: pre-wrap; max-height: 26rem; overflow-y: auto; }
details { margin: .5rem 0; border: 1px solid var(--line); border-radius: .4rem; }
summary { display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: baseline; padding: .5rem 1rem; cursor: pointer; }
summary:hover { background: var(--soft); } details[open] > summary { border-bottom: 1px solid var(--line); }
summary::before { content: "+"; width: .75rem; font-weight: 700; } details[open] > summary::before { content: "\\2212"; }
summary code { font-size: 1rem; font-weight: 600; } .method { min-width: 3rem; font-weight: 700; }
.access { margin-left: auto; color: var(--quiet); font-size: .875rem; } .inside { padding: 0 1rem .75rem; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem 1rem .3rem 0; vertical-align: top; } td small { color: var(--quiet); display: block; }
`;
