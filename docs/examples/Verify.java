import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.TreeMap;

/**
 * Checks an answer of {@code GET /ledgers/{ledger}/out/{recipient}} on standard input: each publication's hash, number,
 * chain. The page after one that was checked: name the epoch, sequence and hash that were said last. Needs Jackson.
 */
class Verify {
  /** Takes no name twice, and nothing behind the end. */
  static final JsonMapper JSON = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  public static void main(String[] given) throws Exception {
    String place = String.join(" ", given);
    if (given.length > 0 && !(given.length == 3 && place.matches("[0-9]+ [0-9]+ (-|erased|[0-9a-f]{64})")))
      halt("name no place, or epoch, sequence and hash, - where there is none yet");
    long known = given.length > 0 ? Long.parseLong(given[0]) : 0, sequence = known > 0 ? Long.parseLong(given[1]) : 0;
    String last = known > 0 ? given[2].replace("-", "") : "";
    byte[] answer = System.in.readAllBytes();
    JsonNode page = null;
    try {
      page = JSON.readTree(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(answer)).toString());
    } catch (IOException none) { /* as what has no publications */ }
    if (page == null || !page.path("epoch").canConvertToLong() || !page.path("epoch").isIntegralNumber()
        || !page.path("publications").isArray())
      halt("no publications came, but: " + new String(answer, StandardCharsets.UTF_8));
    long epoch = page.get("epoch").asLong();
    if (epoch < known) halt("epoch " + epoch + " comes behind epoch " + known);
    if (epoch > known) { sequence = 0; last = ""; } // everything once more, from 1
    int unchecked = 0;
    for (JsonNode one : page.get("publications")) {
      sequence += 1;
      var headers = new TreeMap<String, String>();
      boolean texts = one.get("text").isTextual(), within = false; // a header within another has the same hash
      for (var header : one.get("headers").properties()) {
        texts &= header.getValue().isTextual();
        headers.put(header.getKey(), header.getValue().asText());
        within |= (header.getKey() + header.getValue().asText()).chars().anyMatch(c -> c == 0 || c == '\n');
      }
      var over = new StringBuilder();
      headers.forEach((name, value) -> over.append(name).append('\0').append(value).append('\n'));
      String text = one.get("text").asText(), follows = headers.getOrDefault("ce_prevhash", "");
      byte[] bytes = over.append('\n').append(text).toString().getBytes(StandardCharsets.UTF_8);
      boolean whole = new String(bytes, StandardCharsets.UTF_8).contentEquals(over); // half a letter becomes a ?
      String made = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
      if (!texts || within || !whole || !made.equals(one.get("hash").asText()) || !JSON.readTree(text).equals(one.get("value")))
        halt(sequence + " is not what its hash is over");
      if (!(headers.get("ce_epoch") + "/" + headers.get("ce_logsequence")).equals(epoch + "/" + sequence))
        halt(sequence + " of epoch " + epoch + " is missing");
      if (!follows.equals("erased") && !last.equals("erased") && !follows.equals(last))
        halt(sequence + " does not follow the one before");
      if (follows.equals("erased") || last.equals("erased")) unchecked += 1; // anybody may write that a key was destroyed
      last = follows.equals("erased") && text.equals("{\"kind\":\"withdrawn\"}") ? "erased" : made;
    }
    if (unchecked > 0) System.out.println("joins not checked: " + unchecked);
    System.out.println("epoch " + epoch + " verifies to " + sequence + " " + (last.isEmpty() ? "-" : last));
  }

  static void halt(String why) {
    System.err.println(why);
    System.exit(1);
  }
}
