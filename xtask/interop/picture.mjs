// Takes the picture of the dashboard for README and the book. Arguments: the program whisper-node, and the file.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import readline from 'node:readline'

import { openBrowser } from './browser.mjs'

const [program, file] = process.argv.slice(2)
const POSTS = 8 // the node that is shown posts every eight seconds

const demo = spawn(program, ['demo', '--web', '--no-open'], { stdio: ['ignore', 'pipe', 'inherit'] })
let url
for await (const line of readline.createInterface({ input: demo.stdout })) {
  url = line.match(/http:\S+/)?.[0]
  if (url) break
}
if (!url) throw new Error('the demo printed no address')
const browser = await openBrowser()
await browser.call('Emulation.setDeviceMetricsOverride', { width: 1280, height: 2600, deviceScaleFactor: 1, mobile: false })
await browser.open(url)
await browser.evaluate(`new Promise((resolve) => {
  const check = () => { if (document.querySelectorAll('#posts tbody tr button').length >= ${POSTS}) { observer.disconnect(); resolve() } }
  const observer = new MutationObserver(check)
  observer.observe(document.body, { childList: true, subtree: true })
})`)
// The newest post that has arrived, and its way through the network.
const shows = (selector, act) => browser.evaluate(`new Promise((resolve) => {
  new MutationObserver((_, observer) => { if (document.querySelector('#explanation ${selector}')) { observer.disconnect(); resolve() } })
    .observe(document.getElementById('explanation'), { childList: true })
  ${act}
})`)
await shows('h3', `document.querySelector('#posts tbody tr:has(.good) button').click()`)
await shows('.tree', `document.getElementById('trace').click()`)
const height = await browser.evaluate(`document.getElementById('find').getBoundingClientRect().bottom + scrollY`)
await browser.evaluate('document.activeElement.blur(); scrollTo(0, 0)')
const clip = { x: 0, y: 0, width: 1280, height: Math.ceil(height) + 16, scale: 1 }
const { data } = await browser.call('Page.captureScreenshot', { format: 'png', clip })
writeFileSync(file, Buffer.from(data, 'base64'))
await browser.close()
demo.kill('SIGINT')
process.exit()
