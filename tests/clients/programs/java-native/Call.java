import java.io.File;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.AgencySystemsApi;
import org.openapitools.client.api.DocumentsApi;
import org.openapitools.client.api.LedgerApi;
import org.openapitools.client.api.QuestionsOfBenefitPaymentApi;
import org.openapitools.client.model.*;

/** What a vendor's program does with the generated Java client of the library native: eight typed calls, a line a call. */
class Call {
  // Longer than the longest `wait` and what an answer may take beyond it.
  static final Duration PATIENCE = Duration.ofSeconds(45);

  public static void main(String[] given) throws Exception {
    String url = given[0], ledger = given[1], recipient = given[2], payee = given[3], referrer = given[5], code = given[6];
    ApiClient ours = signedIn(url, given[4]);
    LedgerNamed named = new LedgerApi(ours)
        .readHealth(LedgerApi.APIReadHealthRequest.newBuilder().ledger(ledger).build()).getLedger();
    System.out.println("ledger " + named.getName() + " " + named.getMode());
    DocumentsApi documents = new DocumentsApi(ours);
    String address = documents.listAsyncapi(DocumentsApi.APIListAsyncapiRequest.newBuilder().build())
        .getDocuments().get(0).getAddress();
    File document = documents.readAsyncapi(DocumentsApi.APIReadAsyncapiRequest.newBuilder()
        .name(address.replaceAll("^.*/|\\.yaml$", "")).build());
    System.out.println("document " + document.length() + " " + Files.readAllLines(document.toPath()).get(0));
    AllowanceDays paid = new QuestionsOfBenefitPaymentApi(ours)
        .ke2BenefitPayment(QuestionsOfBenefitPaymentApi.APIKe2BenefitPaymentRequest.newBuilder()
            .ledger(ledger).recipient(recipient).client(payee).build())
        .getAnswer();
    System.out.println("paid " + paid.getDays() + " " + paid.getAmountEur());
    ApiClient its = signedIn(url, given[7]);
    AgencySystemsApi theirs = new AgencySystemsApi(its);
    AgencySystemsApi.APISendMessageRequest.Builder sent =
        AgencySystemsApi.APISendMessageRequest.newBuilder().ledger(ledger).recipient(referrer).dryRun(true);
    Receipt receipt = theirs.sendMessage(sent.structuredMessage(referral("generated-java-native-1", code)).build());
    System.out.println("referral " + receipt.getStatus());
    try {
      theirs.sendMessage(sent.structuredMessage(referral("generated-java-native-2", "nobody")).build());
    } catch (ApiException refused) {
      for (ReceiptCode wrong : its.getObjectMapper().readValue(refused.getResponseBody(), Receipt.class).getCodes()) {
        System.out.println("refused " + wrong.getCode() + " " + wrong.getText().getFi());
      }
    }
    AgencySystemsApi agency = new AgencySystemsApi(ours);
    PublicationPage page = agency.readPublications(AgencySystemsApi.APIReadPublicationsRequest.newBuilder()
        .ledger(ledger).recipient(recipient).limit(500).waitS(BigDecimal.ZERO).build());
    List<Publication> told = page.getPublications();
    System.out.println("told " + told.size() + " " + told.get(told.size() - 1).getHash());
    PublicationPage then = agency.readPublications(AgencySystemsApi.APIReadPublicationsRequest.newBuilder()
        .ledger(ledger).recipient(recipient).after(page.getNext()).waitS(new BigDecimal(given[8])).build());
    System.out.println("then " + then.getPublications().size());
  }

  /** Of somebody with this personal identity code. */
  static StructuredMessage referral(String id, String code) {
    SubmitReferralV1 referral = new SubmitReferralV1()
        .identityCode(code)
        .source(SubmitReferralV1.SourceEnum.EMPLOYMENT_AUTHORITY)
        .legalBasis(SubmitReferralV1.LegalBasisEnum.LB_189_PLAN);
    return new StructuredMessage(new SubmitReferralV1Event()
        .specversion(SubmitReferralV1Event.SpecversionEnum._1_0)
        .id(id)
        .type(SubmitReferralV1Event.TypeEnum.SUBMIT_REFERRAL_V1)
        .data(referral));
  }

  static ApiClient signedIn(String url, String token) {
    ApiClient client = new ApiClient();
    client.updateBaseUri(url);
    client.setReadTimeout(PATIENCE);
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
    return client;
  }
}
