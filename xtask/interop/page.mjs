// The page chat.html in Chromium, as a chat in a terminal: lines of standard input are typed into the page, and what the
// page shows is printed. Arguments: `disk` or `server`, where the browser gets the page; channel; password; name; the
// node's URL.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import readline from 'node:readline'

import { openBrowser } from './browser.mjs'

const page = new URL('../../examples/chat.html', import.meta.url)
const [source, channel, password, name, url] = process.argv.slice(2)

const address = async () => {
  if (source === 'disk') return page.href
  const server = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(readFileSync(page)))
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  return `http://localhost:${server.address().port}/chat.html`
}

const browser = await openBrowser()
browser.on('Runtime.consoleAPICalled', ({ args }) => console.log(args.map(({ value }) => value).join(' ')))
browser.on('Runtime.exceptionThrown', ({ exceptionDetails }) => console.error(exceptionDetails))

// Types a text into a field.
const type = async (field, text) => {
  await browser.evaluate(`document.getElementById('${field}').select()`)
  await browser.type(text)
}

await browser.open(await address())
// Each change of the status and each message goes to the console, which is printed above.
await browser.evaluate(`new MutationObserver((changes) => {
  for (const { addedNodes } of changes) addedNodes.forEach((node) => console.log(node.textContent))
}).observe(document.querySelector('main'), { childList: true, subtree: true })`)
for (const [field, text] of Object.entries({ channel, password, name, url })) await type(field, text)
await browser.press('Enter')
for await (const line of readline.createInterface({ input: process.stdin })) {
  await type('text', line)
  await browser.press('Enter')
}
await browser.close()
process.exit()
