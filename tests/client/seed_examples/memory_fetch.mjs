// Seed 002's examples with fetch, in their order; only the host and the key are ours.
const host = process.env.EUNOE_HTTP_URL;
const headers = {
  'Authorization': `Bearer ${process.env.EUNOE_API_KEY}`,
  'Content-Type': 'application/json'
};

const response = await fetch(`${host}/memory`, {
  method: 'POST',
  headers,
  body: JSON.stringify({
    value: 'User is allergic to peanuts',
    label: 'Dietary Restriction',
    description: 'Critical health information',
    namespace: 'user_789',
    tags: ['health', 'dietary'],
    metadata: {
      severity: 'critical',
      verified: true
    }
  })
});
const memory = await response.json();
const memoryId = memory.id;
console.log('Memory id:', typeof memory.id);

const read = await fetch(`${host}/memory/${memoryId}`, { headers });
console.log((await read.json()).metadata);

const { items, next } = await (
  await fetch(`${host}/memory?namespace=user_789&limit=20&order=desc`, { headers })
).json();
console.log(items.length, next);

const updated = await fetch(`${host}/memory/${memoryId}`, {
  method: 'PUT',
  headers,
  body: JSON.stringify({
    tags: ['preferences', 'ui-settings', 'active']
  })
});
console.log((await updated.json()).tags);

// Search for memories by meaning
const { results } = await (
  await fetch(`${host}/search`, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      query: 'which food is dangerous?',
      object: 'memory',
      namespace: 'user_789'
    })
  })
).json();
console.log(results[0].item.value);

const deleted = await fetch(`${host}/memory/${memoryId}`, { method: 'DELETE', headers });
const result = await deleted.json();
console.log(result.success, result.id === memoryId);
