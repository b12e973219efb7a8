// Seed 002's examples with its SDK, in their order, with our client's name for theirs.
import { Eunoe } from "@eunoe/client";

const userId = 789;
const db = new Eunoe({ apiKey: process.env.EUNOE_API_KEY, address: process.env.EUNOE_GRPC_ADDRESS });

const created = await db.createMemory({
  value: {
    firstName: 'Jane',
    lastName: 'Doe',
    company: 'Acme Corp'
  },
  label: 'User Profile',
  namespace: 'user_456',
  tags: ['profile', 'customer']
});
console.log(created.value.company, created.label, created.tags);

// Instead of an auto-generated ID
await db.createMemory({
  id: `user_${userId}_theme`,
  value: { theme: 'dark', fontSize: 16 },
  namespace: 'user_789'
});
// Easy retrieval without database lookup
const theme = await db.getMemory(`user_${userId}_theme`);
console.log(theme.value); // { theme: "dark", fontSize: 16 }

{
  const { items, next } = await db.listMemories({
    namespace: 'user_789',
    limit: 50
  });
  console.log(`Found ${items.length} memories`, next);
}

const memory = await db.getMemory(created.id);
await memory.saveTags(['preferences', 'ui-settings', 'active']);
console.log((await db.getMemory(created.id)).tags);

await db.deleteMemory('user_789_theme');
console.log(await db.getMemory('user_789_theme'));

// Store user-specific memory
await db.createMemory({
  value: 'Prefers morning appointments',
  namespace: 'user_456',
  label: 'Scheduling Preference'
});
// Retrieve only this user's memories
const { items } = await db.listMemories({
  namespace: 'user_456'
});
console.log(items.map((item) => item.label));

await db.createMemory({
  value: 'Vegetarian diet',
  tags: ['dietary', 'preferences', 'health'],
  label: 'Dietary Restriction',
  namespace: 'user_123'
});
const [best] = await db.searchMemories('dietary preferences', { namespace: 'user_123' });
console.log(best.item.value);

const account = await db.createMemory({
  value: 'Enterprise account',
  metadata: {
    tier: 'enterprise',
    signupDate: '2025-01-15',
    verified: true
  }
});
console.log(account.metadata);
await account.remove();
db.close();
