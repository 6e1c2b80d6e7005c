// A chat with web3 1.x. Usage: node chat.js CHANNEL PASSWORD NAME [URL]

const readline = require('node:readline')
const Shh = require('web3-shh')
const { sha3, utf8ToHex } = require('web3-utils')

const [channel, password, name, url = 'ws://127.0.0.1:8546'] = process.argv.slice(2)

async function chat() {
  if (!name) throw new Error('usage: node chat.js CHANNEL PASSWORD NAME [URL]')
  const shh = new Shh(url)
  const symKeyID = await shh.generateSymKeyFromPassword(password)
  const topic = sha3(channel).slice(0, 10)
  const subscription = shh.subscribe('messages', { symKeyID, topics: [topic] })
  subscription.on('data', ({ payload }) => {
    const text = Buffer.from(payload.slice(2), 'hex').toString()
    console.log(text.replace(/\p{C}/gu, '')) // control characters of a sender could control the terminal
  })
  await new Promise((resolve, reject) => subscription.on('connected', resolve).on('error', reject))
  console.log(`joined ${channel}, type a message`)
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const payload = utf8ToHex(`${name}: ${line}`)
    await shh.post({ symKeyID, topic, payload, ttl: 60, powTarget: 0.2, powTime: 5 })
  }
}

chat()
  .catch((error) => {
    console.error(`${url}: ${error.message}`)
    process.exitCode = 1
  })
  .finally(() => process.exit())
