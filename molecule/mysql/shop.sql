CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL);
INSERT INTO item VALUES (1, 'Tischlampe'), (2, 'Glühbirne 💡'), (3, 'Schirm');
CREATE TABLE sale (id INT PRIMARY KEY AUTO_INCREMENT, item INT NOT NULL, FOREIGN KEY (item) REFERENCES item (id));
