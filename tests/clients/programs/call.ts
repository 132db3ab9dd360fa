// What a vendor's program does with the generated TypeScript client: four typed calls, a line a call.
import { AgencySystemsApi, Configuration, LedgerApi, QuestionsOfBenefitPaymentApi, StructuredMessage } from './client';

declare const process: { argv: string[] };
const [, , url, ledger, recipient, client, token, referrer, identityCode, itsToken] = process.argv;

async function main(): Promise<void> {
  const ours = new Configuration({ basePath: url, accessToken: token });
  const health = await new LedgerApi(ours).readHealth({ ledger });
  console.log('ledger', health.ledger.name, health.ledger.mode);
  const paid = await new QuestionsOfBenefitPaymentApi(ours).ke2BenefitPayment({ ledger, recipient, client });
  console.log('paid', paid.answer.days, paid.answer.amountEur);
  const structuredMessage: StructuredMessage = {
    specversion: '1.0',
    id: 'generated-typescript-1',
    type: 'submit_referral.v1',
    data: { identityCode, source: 'employment_authority', legalBasis: 'LB-189-PLAN' },
  };
  const theirs = new AgencySystemsApi(new Configuration({ basePath: url, accessToken: itsToken }));
  const receipt = await theirs.sendMessage({ ledger, recipient: referrer, structuredMessage, dryRun: true });
  console.log('referral', receipt.status);
  const { publications } = await new AgencySystemsApi(ours).readPublications({ ledger, recipient, limit: 500, wait: 0 });
  console.log('told', publications.length, publications.at(-1)?.hash);
}

main();
