import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.TreeMap;

/**
 * Checks an answer of {@code GET /ledgers/{ledger}/out/{recipient}} on standard input: each publication's hash, number,
 * chain. The page after one that was checked: name the epoch, sequence and hash that were said last. Needs Jackson.
 */
class Verify {
  public static void main(String[] given) throws Exception {
    long known = given.length > 2 ? Long.parseLong(given[0]) : 0, sequence = known > 0 ? Long.parseLong(given[1]) : 0;
    String last = known > 0 ? given[2] : "";
    byte[] answer = System.in.readAllBytes();
    JsonNode page = null;
    try { page = new ObjectMapper().readTree(answer); } catch (IOException none) { /* as what has no publications */ }
    if (page == null || !page.has("publications"))
      halt("no publications came, but: " + new String(answer, StandardCharsets.UTF_8));
    long epoch = page.path("epoch").asLong();
    if (epoch < known) halt("epoch " + epoch + " comes behind epoch " + known);
    if (epoch > known) { sequence = 0; last = ""; } // everything once more, from 1
    for (JsonNode one : page.get("publications")) {
      var headers = new TreeMap<String, String>();
      one.get("headers").properties().forEach(header -> headers.put(header.getKey(), header.getValue().asText()));
      var over = new StringBuilder();
      headers.forEach((name, value) -> over.append(name).append('\0').append(value).append('\n'));
      String text = one.get("text").asText(), follows = headers.getOrDefault("ce_prevhash", "");
      byte[] bytes = over.append('\n').append(text).toString().getBytes(StandardCharsets.UTF_8);
      String made = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
      if (!made.equals(one.get("hash").asText()) || !new ObjectMapper().readTree(text).equals(one.get("value")))
        halt(headers.get("ce_logsequence") + " is not what its hash is over");
      sequence += 1;
      if (!(headers.get("ce_epoch") + "/" + headers.get("ce_logsequence")).equals(epoch + "/" + sequence))
        halt(sequence + " of epoch " + epoch + " is missing");
      if (!follows.equals("erased") && !last.equals("erased") && !follows.equals(last))
        halt(sequence + " does not follow the one before");
      last = follows.equals("erased") && text.equals("{\"kind\":\"withdrawn\"}") ? "erased" : made;
    }
    System.out.println("epoch " + epoch + " verifies to " + sequence + " " + last);
  }

  static void halt(String why) {
    System.err.println(why);
    System.exit(1);
  }
}
