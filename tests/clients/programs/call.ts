// What a vendor's program does with the generated TypeScript client: eight typed calls, a line a call.
import {
  AgencySystemsApi,
  Configuration,
  DocumentsApi,
  LedgerApi,
  QuestionsOfBenefitPaymentApi,
  ReceiptFromJSON,
  ResponseError,
  StructuredMessage,
} from './client';

declare const process: { argv: string[] };
const [, , url, ledger, recipient, client, token, referrer, code, itsToken, waitS] = process.argv;
// Longer than the longest `wait` and what an answer may take beyond it.
const PATIENCE_MS = 45_000;

async function main(): Promise<void> {
  const ours = new Configuration({ basePath: url, accessToken: token });
  const health = await new LedgerApi(ours).readHealth({ ledger });
  console.log('ledger', health.ledger.name, health.ledger.mode);
  const documents = new DocumentsApi(ours);
  const [{ address }] = (await documents.listAsyncapi()).documents;
  const document = await documents.readAsyncapi({ name: address.replace(/^.*\/|\.yaml$/g, '') });
  console.log('document', document.size, (await document.text()).split('\n')[0]);
  const paid = await new QuestionsOfBenefitPaymentApi(ours).ke2BenefitPayment({ ledger, recipient, client });
  console.log('paid', paid.answer.days, paid.answer.amountEur);
  const theirs = new AgencySystemsApi(new Configuration({ basePath: url, accessToken: itsToken }));
  const send = (structuredMessage: StructuredMessage) =>
    theirs.sendMessage({ ledger, recipient: referrer, structuredMessage, dryRun: true });
  const receipt = await send(referral('generated-typescript-1', code));
  console.log('referral', receipt.status);
  try {
    await send(referral('generated-typescript-2', 'nobody'));
  } catch (refused) {
    if (!(refused instanceof ResponseError)) throw refused;
    for (const wrong of ReceiptFromJSON(await refused.response.json()).codes ?? []) {
      console.log('refused', wrong.code, wrong.text.fi);
    }
  }
  const agency = new AgencySystemsApi(ours);
  const page = await agency.readPublications({ ledger, recipient, limit: 500, wait: 0 });
  console.log('told', page.publications.length, page.publications.at(-1)?.hash);
  const then = await agency.readPublications(
    { ledger, recipient, after: page.next, wait: Number(waitS) },
    { signal: AbortSignal.timeout(PATIENCE_MS) },
  );
  console.log('then', then.publications.length);
}

// Of somebody with this personal identity code.
function referral(id: string, identityCode: string): StructuredMessage {
  const data = { identityCode, source: 'employment_authority', legalBasis: 'LB-189-PLAN' } as const;
  return { specversion: '1.0', id, type: 'submit_referral.v1', data };
}

main();
