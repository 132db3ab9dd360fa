import java.math.BigDecimal;
import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.api.AgencySystemsApi;
import org.openapitools.client.api.LedgerApi;
import org.openapitools.client.api.QuestionsOfBenefitPaymentApi;
import org.openapitools.client.model.*;

/** What a vendor's program does with the generated Java client of the library native: four typed calls, a line a call. */
class Call {
  public static void main(String[] given) throws Exception {
    String url = given[0], ledger = given[1], recipient = given[2], payee = given[3], referrer = given[5];
    ApiClient ours = signedIn(url, given[4]);
    LedgerNamed named = new LedgerApi(ours)
        .readHealth(LedgerApi.APIReadHealthRequest.newBuilder().ledger(ledger).build()).getLedger();
    System.out.println("ledger " + named.getName() + " " + named.getMode());
    AllowanceDays paid = new QuestionsOfBenefitPaymentApi(ours)
        .ke2BenefitPayment(QuestionsOfBenefitPaymentApi.APIKe2BenefitPaymentRequest.newBuilder()
            .ledger(ledger).recipient(recipient).client(payee).build())
        .getAnswer();
    System.out.println("paid " + paid.getDays() + " " + paid.getAmountEur());
    SubmitReferralV1 referral = new SubmitReferralV1()
        .identityCode(given[6])
        .source(SubmitReferralV1.SourceEnum.EMPLOYMENT_AUTHORITY)
        .legalBasis(SubmitReferralV1.LegalBasisEnum.LB_189_PLAN);
    SubmitReferralV1Event event = new SubmitReferralV1Event()
        .specversion(SubmitReferralV1Event.SpecversionEnum._1_0)
        .id("generated-java-native-1")
        .type(SubmitReferralV1Event.TypeEnum.SUBMIT_REFERRAL_V1)
        .data(referral);
    Receipt receipt = new AgencySystemsApi(signedIn(url, given[7]))
        .sendMessage(AgencySystemsApi.APISendMessageRequest.newBuilder()
            .ledger(ledger).recipient(referrer).structuredMessage(new StructuredMessage(event)).dryRun(true).build());
    System.out.println("referral " + receipt.getStatus());
    List<Publication> told = new AgencySystemsApi(ours)
        .readPublications(AgencySystemsApi.APIReadPublicationsRequest.newBuilder()
            .ledger(ledger).recipient(recipient).limit(500).waitS(BigDecimal.ZERO).build())
        .getPublications();
    System.out.println("told " + told.size() + " " + told.get(told.size() - 1).getHash());
  }

  static ApiClient signedIn(String url, String token) {
    ApiClient client = new ApiClient();
    client.updateBaseUri(url);
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
    return client;
  }
}
